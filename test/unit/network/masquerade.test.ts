/** Masquerading against a kernel that says at every step what it should not. */

import { describe, expect, test } from 'bun:test';
import { type Cidr, parseCidr } from '../../../src/address/cidr.ts';
import { connect } from '../../../src/netlink/connection.ts';
import { KernelError } from '../../../src/netlink/error.ts';
import type { Message } from '../../../src/netlink/message.ts';
import * as nft from '../../../src/netlink/nft/constants.ts';
import { ensureMasquerade, removeMasquerade, verifyMasqueradable } from '../../../src/network/masquerade.ts';
import { EEXIST, ENOENT, EOPNOTSUPP, EPERM } from '../../../src/sys/errno.ts';
import { thrownBy } from '../../support/fault.ts';
import { acknowledgeAll, type FakeKernel, fakeKernel, verdict } from '../netlink/fake-kernel.ts';
import { bytesOf } from '../netlink/fixture.ts';

const ENTRY = { network: 'pods', address: parseCidr('10.1.0.2/24') as Cidr, owner: 'pods/abc/eth0' };
const ADD = nft.NFT_MSG_NEWSETELEM;
const DELETE = nft.NFT_MSG_DELSETELEM;
const CREATE = nft.NFT_MSG_NEWSET;
const EVERYTHING = [nft.NFT_MSG_NEWTABLE, nft.NFT_MSG_NEWCHAIN, CREATE, nft.NFT_MSG_NEWRULE];

/** A kernel that answers the transactions one by one with these errnos for the message that matters, then with success. */
function kernelSaying(...errnos: readonly number[]): FakeKernel {
  return fakeKernel((messages, round) => {
    const changes = messages.slice(1, -1);
    const errno = errnos[round] ?? 0;
    const matters = (message: Message) => [ADD, DELETE, CREATE].includes(message.type & 0xff);
    return changes.map((message) => [verdict(message, matters(message) ? errno : 0)]);
  });
}

/** What was asked for, transaction by transaction. */
const asked = (kernel: FakeKernel) =>
  kernel.requests.map((messages) => messages.slice(1, -1).map(({ type }) => type & 0xff));

test('where all is there, one element in one transaction does it', () => {
  const kernel = kernelSaying(0);
  ensureMasquerade(connect(kernel), ENTRY);
  expect(asked(kernel)).toEqual([[ADD]]);
});

test('what is missing is created, all at once, and the element added again', () => {
  const kernel = kernelSaying(ENOENT);
  ensureMasquerade(connect(kernel), ENTRY);
  expect(asked(kernel)).toEqual([[ADD], EVERYTHING, [ADD]]);
});

test('another process may have created it meanwhile', () => {
  const kernel = kernelSaying(ENOENT, EEXIST);
  ensureMasquerade(connect(kernel), ENTRY);
  expect(asked(kernel)).toEqual([[ADD], EVERYTHING, [ADD]]);
});

test('it may be flushed meanwhile', () => {
  const kernel = kernelSaying(ENOENT, 0, ENOENT);
  ensureMasquerade(connect(kernel), ENTRY);
  expect(asked(kernel)).toEqual([[ADD], EVERYTHING, [ADD], EVERYTHING, [ADD]]);
});

test.each([0, ENOENT])('an element that is in the way is replaced, though it may go by itself (errno %d)', (errno) => {
  const kernel = kernelSaying(EEXIST, errno);
  ensureMasquerade(connect(kernel), ENTRY);
  expect(asked(kernel)).toEqual([[ADD], [DELETE], [ADD]]);
});

describe('is given up', () => {
  test.each([ENOENT, EEXIST])('when errno %d never ends', (errno) => {
    const kernel = kernelSaying(...Array.from({ length: 100 }, () => [errno, 0]).flat());
    const error = thrownBy(() => ensureMasquerade(connect(kernel), ENTRY)) as KernelError;
    expect([error.operation, error.errno]).toEqual(['add 10.1.0.2 to the nftables set masq-pods-10.1.0.0/24', errno]);
    expect(kernel.requests.length).toBeLessThan(50);
  });

  test.each([
    ['the element', [EPERM]],
    ['the set', [ENOENT, EOPNOTSUPP]],
    ['the removal of what is in the way', [EEXIST, EPERM]],
  ])('at once when %s is refused for another reason', (_, errnos) => {
    const kernel = kernelSaying(...errnos);
    expect(thrownBy(() => ensureMasquerade(connect(kernel), ENTRY))).toMatchObject({ errno: errnos.at(-1) });
    expect(kernel.requests).toHaveLength(errnos.length);
  });
});

test('removing what is not there is no error, and anything else is one', () => {
  const refusing = (errno: number) => fakeKernel((messages) => messages.map((message) => [verdict(message, errno)]));
  expect(removeMasquerade(connect(refusing(ENOENT)), ENTRY)).toBe(false);
  expect(() => removeMasquerade(connect(refusing(EPERM)), ENTRY)).toThrow(KernelError);
});

test('what goes by itself between our look and our doing was not removed by us', () => {
  const entry = { ...ENTRY, address: parseCidr('10.16.0.2/12') as Cidr };
  const kernel = fakeKernel((messages, round) =>
    round === 0
      ? [bytesOf('nft-set-replies', 'one element'), ...acknowledgeAll(messages)]
      : [[verdict(messages[1] as Message, ENOENT)]],
  );
  expect(removeMasquerade(connect(kernel), entry)).toBe(false);
  expect(asked(kernel)).toEqual([[], [DELETE]]);
});

test('a kernel can masquerade where it answers, even that there is no table', () => {
  const refusing = (errno: number) => connect(fakeKernel(([message]) => [[verdict(message as Message, errno)]]));
  expect(() => verifyMasqueradable(refusing(ENOENT))).not.toThrow();
  expect(() => verifyMasqueradable(connect(fakeKernel(acknowledgeAll)))).not.toThrow();
  expect(() => verifyMasqueradable(refusing(EOPNOTSUPP))).toThrow('operation not supported');
});
