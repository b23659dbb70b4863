/** Frames of a VLAN's gateway: the bytes that keep them from being tracked. */

import { describe, expect, test } from 'bun:test';
import { createBranch } from '../../../src/resources/nftables/branch.ts';
import { hopBranch } from '../../../src/resources/vlan/gateway-hop.ts';
import { bytesOf, headerIn, saidIn, sentFor } from '../netlink/fixture.ts';

const CREATED = createBranch(hopBranch({ name: 'cni0.100', mac: Uint8Array.of(0x0a, 0x1b, 0x2c, 0x3d, 0x4e, 0x5f) }));
const FILE = 'nft-gateway-hop';
/** It names sets by number too, says that there are no flags, and notes for itself what a key is made of. */
const ITS_OWN = ['NFTA_SET_FLAGS', 'NFTA_SET_ID', 'NFTA_SET_USERDATA', 'NFTA_LOOKUP_SET_ID'];

describe.each([
  ['gateways set', CREATED[2]],
  ['untracked rule', CREATED[4]],
  ['jump', CREATED[6]],
] as const)('%s', (section, request) => {
  test('is what the kernel was seen to take', () => {
    expect(sentFor(request as (typeof CREATED)[0])).toEqual(bytesOf(FILE, section));
  });

  test('is what nft says for the same', () => {
    expect(saidIn(FILE, section, ITS_OWN)).toEqual(saidIn(FILE, `${section}, by nft`, ITS_OWN));
    expect(headerIn(FILE, section)).toBe(headerIn(FILE, `${section}, by nft`));
  });
});

test('one chain has both ways in, and is made once', () => {
  expect(CREATED.map(({ operation }) => operation)).toEqual([
    'create the nftables table trestle',
    'create the nftables chain prerouting',
    'create the nftables set gateways',
    'create the nftables chain untracked',
    ...Array.from({ length: 3 }, () => 'add the nftables rule "untracked"'),
  ]);
});
