import { expect, test } from 'bun:test';
import { type Cidr, parseCidr } from '../../../src/address/cidr.ts';
import { createMasquerading, masqueradeSet, mayBelongTo, TABLE } from '../../../src/network/masquerade-rule.ts';
import { bytesOf, sentFor } from '../netlink/fixture.ts';

const cidr = (text: string) => parseCidr(text) as Cidr;
/** NFT_NAME_MAXLEN, without its NUL. */
const NAME_MOST = 255;

test.each([
  ['10.16.5.2/12', 'masq-pods-10.16.0.0/12', 4],
  ['fd00:1::2/64', 'masq-pods-fd00_1__/64', 6],
  ['::5/128', 'masq-pods-__5/128', 6],
])('the set of %s is %s', (address, name, family) => {
  expect(masqueradeSet('pods', cidr(address))).toEqual({ table: TABLE, name, family: family as 4 | 6 });
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
  ['10.16.5.2/12', 'nft-rule', 'IPv4', 'IPv4 set'],
  ['fd00:1::2/64', 'nft-rule6', 'IPv6', 'IPv6 set'],
])('all that is created for %s, in order, is what the kernel was seen to take', (address, file, rule, set) => {
  const sent = createMasquerading(masqueradeSet('pods', cidr(address)), cidr(address)).map(sentFor);
  expect(sent).toEqual([
    bytesOf('nft-batch', 'table'),
    bytesOf('nft-batch', 'chain'),
    bytesOf('nft-set', set),
    bytesOf(file, rule),
  ]);
});
