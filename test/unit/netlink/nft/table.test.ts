/** Chains that other rules lead to; tables and base chains are in batch.test.ts. */

import { describe, expect, test } from 'bun:test';
import { createChain, decodeChainUse, deleteChain, getChain } from '../../../../src/netlink/nft/table.ts';
import { bytesOf, headerIn, messageOf, saidIn, sentFor } from '../fixture.ts';
import { testHardiness } from '../hardiness.ts';

const TABLE = { family: 7, name: 'trestle' };

describe('the bytes of', () => {
  test.each([
    ['guard chain', createChain(TABLE, 'guard')],
    ['delete chain', deleteChain(TABLE, 'guard')],
  ])('%s, which says the same as nft', (section, request) => {
    expect(sentFor(request)).toEqual(bytesOf('nft-guard', section));
    expect(saidIn('nft-guard', section)).toEqual(saidIn('nft-guard', `${section}, by nft`));
    expect(headerIn('nft-guard', section)).toBe(headerIn('nft-guard', `${section}, by nft`));
  });

  test('a question', () => {
    expect(sentFor(getChain(TABLE, 'guard'))).toEqual(bytesOf('nft-guard', 'find chain'));
  });
});

test('what is done stands in the operation', () => {
  const requests = [createChain(TABLE, 'guard'), deleteChain(TABLE, 'guard'), getChain(TABLE, 'guard')];
  expect(requests.map(({ operation }) => operation)).toEqual([
    'create the nftables chain guard',
    'remove the nftables chain guard',
    'find the nftables chain guard',
  ]);
});

test('how many rules are in a chain and lead to it', () => {
  expect(decodeChainUse(messageOf('nft-guard', 'chain, as the kernel answers'))).toBe(3);
});

describe('decoding stands', () => {
  const { payload } = messageOf('nft-guard', 'chain, as the kernel answers');
  testHardiness((bytes) => decodeChainUse({ type: 0, flags: 0, sequence: 0, payload: bytes }), payload, 4);
});
