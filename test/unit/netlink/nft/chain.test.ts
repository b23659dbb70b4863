import { describe, expect, test } from 'bun:test';
import { createChain, decodeChain, deleteChain, getChain, listChains } from '../../../../src/netlink/nft/table.ts';
import { bytesOf, messageOf, sentFor } from '../fixture.ts';
import { testHardiness } from '../hardiness.ts';

const TABLE = { family: 2, name: 'filter' };
const OWN = 'TRESTLE-FWD-cni0';

test('a chain of iptables has its hook, its type and its policy', () => {
  expect(decodeChain(messageOf('nft-forward', 'FORWARD'))).toEqual({
    ...{ table: TABLE, name: 'FORWARD' },
    ...{ hook: 2, type: 'filter', policy: 0, uses: 1 },
  });
});

test('a chain that rules jump to has none of them; its rules and the jumps to it are counted together', () => {
  expect(decodeChain(messageOf('nft-forward', 'a chain of rules'))).toEqual({
    ...{ table: TABLE, name: OWN },
    ...{ hook: undefined, type: undefined, policy: undefined, uses: 3 },
  });
});

describe('decoding stands', () => {
  const { payload } = messageOf('nft-forward', 'FORWARD');
  testHardiness((bytes) => decodeChain({ type: 0, flags: 0, sequence: 0, payload: bytes }), payload, 4);
});

test.each([
  ['get', getChain(TABLE, 'FORWARD'), 'find the nftables chain FORWARD'],
  ['list', listChains(2), 'list the chains of nftables'],
  ['create', createChain(TABLE, OWN), `create the nftables chain ${OWN}`],
  ['delete', deleteChain(TABLE, OWN), `remove the nftables chain ${OWN}`],
])('the bytes of a request: %s', (section, request, operation) => {
  expect(sentFor(request)).toEqual(bytesOf('nft-forward', section));
  expect(request.operation).toBe(operation);
});
