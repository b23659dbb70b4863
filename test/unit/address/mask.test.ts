import { expect, test } from 'bun:test';
import { type Cidr, formatCidr, maskedNetwork, maskOf, parseCidr } from '../../../src/address/cidr.ts';
import { ipToBytes, parseIp } from '../../../src/address/ip.ts';

const bytes = (text: string) => ipToBytes(parseIp(text) as NonNullable<ReturnType<typeof parseIp>>);

test.each([
  ['10.1.0.0/16', '255.255.0.0'],
  ['10.1.0.128/25', '255.255.255.128'],
  ['0.0.0.0/0', '0.0.0.0'],
  ['10.1.0.2/32', '255.255.255.255'],
  ['fd00:1::/63', 'ffff:ffff:ffff:fffe::'],
  ['::/0', '::'],
  ['fd00::1/128', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
])('%s has the mask %s, both ways', (text, mask) => {
  const cidr = parseCidr(text) as Cidr;
  expect(maskOf(cidr)).toEqual(bytes(mask));
  expect(formatCidr(maskedNetwork(bytes(text.replace(/\/.*/, '')), bytes(mask)) as Cidr)).toBe(text);
});

test.each([
  ['10.0.0.0', '255.0.255.0'],
  ['10.0.0.0', '0.255.0.0'],
  ['10.0.0.1', '255.255.255.0'],
  ['fd00::', '::ffff'],
  ['fd00:0:0:1::1', 'ffff:ffff:ffff:ffff::'],
])('%s under %s is no network', (address, mask) => {
  expect(maskedNetwork(bytes(address), bytes(mask))).toBeUndefined();
});
