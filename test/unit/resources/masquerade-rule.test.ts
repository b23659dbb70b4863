import { describe, expect, test } from 'bun:test';
import { type Cidr, parseCidr } from '../../../src/address/cidr.ts';
import { masqueradeBranch, masqueradeSet, mayBelongTo } from '../../../src/resources/masquerade/nftables.ts';
import { createBranch, ROUTED_TABLE as TABLE } from '../../../src/resources/nftables/branch.ts';
import { bytesOf, headerIn, saidIn, sentFor } from '../netlink/fixture.ts';

const cidr = (text: string) => parseCidr(text) as Cidr;
/** NFT_NAME_MAXLEN, without its NUL. */
const NAME_MOST = 255;

test.each([
  ['10.16.5.2/12', 'masq-pods-10.16.0.0/12', 7, 4],
  ['fd00:1::2/64', 'masq-pods-fd00_1__/64', 8, 16],
  ['::5/128', 'masq-pods-__5/128', 8, 16],
])('the set of %s is %s', (address, name, keyType, keyLength) => {
  expect(masqueradeSet('pods', cidr(address))).toEqual({ table: TABLE, name, keyType, keyLength });
});

test('a set’s name is one that nft can read and the kernel takes', () => {
  const longest = cidr('2001:db8:ffff:ffff:ffff:ffff:ffff:fffe/128');
  for (const network of ['a', '0', 'a.b-c_d', 'n'.repeat(200)]) {
    const { name } = masqueradeSet(network, longest);
    expect(name).toMatch(/^[a-zA-Z][a-zA-Z0-9\-_./]*$/);
    expect(name.length).toBeLessThanOrEqual(NAME_MOST);
  }
});

test('a network’s sets are found by their names, and perhaps some more', () => {
  const sets = ['pods', 'pods-2', 'pod'].map((network) => masqueradeSet(network, cidr('10.1.0.2/24')).name);
  expect(sets.map((name) => mayBelongTo('pods', name))).toEqual([true, true, false]);
  expect(sets.map((name) => mayBelongTo('pod', name))).toEqual([false, false, true]);
  expect(mayBelongTo('pods', 'other-pods-10.1.0.0/24')).toBe(false);
});

test.each([
  ['10.16.5.2/12', '0.0.0.0'],
  ['fd00:1::2/64', '::'],
])('the anchor of %s is an address that nothing comes from', (address, anchor) => {
  const { anchors, sets } = masqueradeBranch('pods', cidr(address));
  expect(anchors.map(({ set, key, owner }) => [set, key.text, owner])).toEqual([
    [sets[0] as (typeof sets)[0], anchor, 'anchor'],
  ]);
});

describe.each([
  ['10.16.5.2/12', 'IPv4', 'IPv4 set'],
  ['fd00:1::2/64', 'IPv6', 'IPv6 set'],
])('all that is created for %s', (address, family, set) => {
  const PARTS = [`${family} chain`, `${family} rule`, `${family} jump`];

  test('is, in order, what the kernel was seen to take', () => {
    expect(createBranch(masqueradeBranch('pods', cidr(address))).map(sentFor)).toEqual([
      bytesOf('nft-batch', 'table'),
      bytesOf('nft-batch', 'chain'),
      bytesOf('nft-set', set),
      ...PARTS.map((section) => bytesOf('nft-masquerade', section)),
    ]);
  });

  // For IPv6's rule nft loads no more of the address than the prefix has, instead of masking the whole.
  test.each(PARTS.filter((section) => section !== 'IPv6 rule'))('is what nft says for the same: %s', (section) => {
    const theirs = `${section}, by nft`;
    expect(saidIn('nft-masquerade', section)).toEqual(saidIn('nft-masquerade', theirs, ['NFTA_LOOKUP_SET_ID']));
    expect(headerIn('nft-masquerade', section)).toBe(headerIn('nft-masquerade', theirs));
  });
});
