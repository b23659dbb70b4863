/** What a call may remember of the ruleset's generation. */

import { expect, test } from 'bun:test';
import { attrU32be, createOutput, putAttributes } from '../../../src/netlink/attribute.ts';
import { connect } from '../../../src/netlink/connection.ts';
import { commit } from '../../../src/netlink/nft/batch.ts';
import { NFTA_GEN_ID } from '../../../src/netlink/nft/constants.ts';
import { ensureTable } from '../../../src/netlink/nft/table.ts';
import { generationToRemember, isChangedByOthers, noteGeneration } from '../../../src/resources/nftables/generation.ts';
import { ENOENT } from '../../../src/sys/errno.ts';
import { thrownBy } from '../../support/fault.ts';
import { fakeKernel, verdict } from '../netlink/fake-kernel.ts';

const answer = (generation: number) => {
  const output = createOutput(12);
  putAttributes(output, 4, [attrU32be(NFTA_GEN_ID, generation)]);
  return [{ type: 0, flags: 0, sequence: 0, payload: output.bytes }];
};
const opened = (errno = 0) =>
  connect(fakeKernel((messages) => messages.slice(1, -1).map((message) => [verdict(message, errno)])));
const change = [ensureTable({ family: 1, name: 'trestle' })];

test('what was not looked at is not remembered, and not changed', () => {
  expect(isChangedByOthers(opened(), 5)).toBe(false);
  expect(generationToRemember(opened())).toBeUndefined();
});

test('our own transactions are counted, also those before the first look', () => {
  const connection = opened();
  commit(connection, change);
  expect(noteGeneration(connection, answer(8))).toBe(8);
  commit(connection, change);
  expect(isChangedByOthers(connection, 7)).toBe(false);
  expect(generationToRemember(connection)).toBe(9);
});

test('one that is refused is none', () => {
  const connection = opened(ENOENT);
  noteGeneration(connection, answer(7));
  expect(thrownBy(() => commit(connection, change))).toMatchObject({ errno: ENOENT });
  expect(generationToRemember(connection)).toBe(7);
});

test('a change by others is found where another generation, or none, is remembered', () => {
  const connection = opened();
  noteGeneration(connection, answer(9));
  expect([7, undefined, 9].map((remembered) => isChangedByOthers(connection, remembered))).toEqual([true, true, false]);
});

test('a change by others during the call is found by the next one', () => {
  const connection = opened();
  noteGeneration(connection, answer(7));
  commit(connection, change);
  noteGeneration(connection, answer(9));
  const remembered = generationToRemember(connection);
  const next = opened();
  noteGeneration(next, answer(9));
  expect(isChangedByOthers(next, remembered)).toBe(true);
});
