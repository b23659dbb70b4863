import { describe, expect, test } from 'bun:test';
import { type Cidr, formatCidr, parseCidr } from '../../../../src/address/cidr.ts';
import * as address from '../../../../src/netlink/route/address.ts';
import { bytesOf, payloadOf, sentFor } from '../fixture.ts';
import { testHardiness } from '../hardiness.ts';

const cidr = (text: string) => parseCidr(text) as Cidr;

describe('an address', () => {
  test.each([
    ['IPv4', 3, '10.1.0.1/24', false, false],
    ['IPv6, tentative', 3, 'fd00:2::1/64', true, false],
    ['IPv6, without DAD', 3, 'fd00:1::1/64', false, false],
    ['IPv6, duplicate', 6, 'fd00:7::1/64', true, true],
  ])('%s', (section, index, text, tentative, duplicate) => {
    const { address: found, ...rest } = address.decodeAddress(payloadOf('address', section));
    expect({ ...rest, address: formatCidr(found) }).toEqual({ index, address: text, tentative, duplicate });
  });

  test('of a point-to-point link is its own, not the peer’s', () => {
    const payload = payloadOf('address', 'IPv4').slice();
    payload[15] = 99; // the last byte of IFA_ADDRESS
    expect(formatCidr(address.decodeAddress(payload).address)).toBe('10.1.0.1/24');
  });

  test('has the flags of its header where the kernel sends no others', () => {
    const payload = payloadOf('address', 'IPv6, duplicate').slice();
    payload[payload.length - 6] = 0xff; // the type of IFA_FLAGS, the last attribute
    expect(address.decodeAddress(payload).duplicate).toBe(true);
    payload[2] = 0;
    expect(address.decodeAddress(payload).duplicate).toBe(false);
  });

  test('that is not there is refused', () => {
    expect(() => address.decodeAddress(payloadOf('address', 'IPv4').subarray(0, 8))).toThrow(RangeError);
  });
});

describe('decoding stands', () => {
  testHardiness(address.decodeAddress, payloadOf('address', 'IPv4'), 8, 8);
});

describe('the bytes of', () => {
  test.each([
    ['add IPv4, by ip', address.addAddress(3, cidr('10.1.0.1/24'), false)],
    ['add IPv4, by ip', address.addAddress(3, cidr('10.1.0.1/24'), true)],
    ['add IPv4 /31, by ip', address.addAddress(3, cidr('10.2.0.0/31'), false)],
    ['add IPv6 with DAD, by ip', address.addAddress(3, cidr('fd00:2::1/64'), true)],
    ['add IPv6 without DAD', address.addAddress(3, cidr('fd00:1::1/64'), false)],
    ['remove, by ip', address.deleteAddress(3, cidr('10.1.0.1/24'))],
    ['list IPv4', address.listAddresses(3, 4)],
    ['list IPv6', address.listAddresses(3, 6)],
  ])('%s', (section, request) => {
    expect(sentFor(request)).toEqual(bytesOf('address-change', section));
  });
});

test('IPv6 has no broadcast address, however large the subnet', () => {
  expect(address.addAddress(3, cidr('2001:db8::1/20'), true).attributes.map(({ type }) => type)).toEqual([2, 1]);
});

test('what is done stands in the operation', () => {
  expect([
    address.addAddress(3, cidr('fd00:1::1/64'), false).operation,
    address.deleteAddress(3, cidr('10.1.0.1/24')).operation,
  ]).toEqual(['add the address fd00:1::1/64', 'remove the address 10.1.0.1/24']);
});
