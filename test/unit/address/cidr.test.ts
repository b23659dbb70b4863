import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import {
  type Cidr,
  containsIp,
  defaultNetwork,
  firstValue,
  formatCidr,
  lastValue,
  networkOf,
  overlaps,
  parseCidr,
} from '../../../src/address/cidr.ts';
import { BITS, type Family, type Ip, parseIp } from '../../../src/address/ip.ts';

const cidr = (text: string) => parseCidr(text) as Cidr;
const ip = (text: string) => parseIp(text) as Ip;
/** Narrow on purpose, so that two of them often overlap. */
const anyCidr: fc.Arbitrary<Cidr> = fc.constantFrom<Family>(4, 6).chain((family) =>
  fc.record({
    ip: fc.bigInt({ min: 0n, max: 255n }).map((value) => ({ family, value })),
    prefix: fc.integer({ min: BITS[family] - 8, max: BITS[family] }),
  }),
);

test('text and value are each other’s inverse', () => {
  fc.assert(
    fc.property(anyCidr, (value) => expect(parseCidr(formatCidr(value))).toEqual(value)),
    { numRuns: 500 },
  );
});

test.each([
  '',
  '10.1.0.0',
  '10.1.0.0/',
  '10.1.0.0/33',
  '10.1.0.0/08',
  '10.1.0.0/-1',
  '/24',
  'fd00::/129',
  '10.1.0.0/24/24',
  '10.1.0.0/ 24',
])('%j is none', (text) => {
  expect(parseCidr(text)).toBeUndefined();
});

describe('a network', () => {
  test.each([
    ['10.1.0.5/24', '10.1.0.0', '10.1.0.255'],
    ['10.1.0.5/32', '10.1.0.5', '10.1.0.5'],
    ['10.1.0.5/0', '0.0.0.0', '255.255.255.255'],
    ['fd00::5/64', 'fd00::', 'fd00::ffff:ffff:ffff:ffff'],
  ])('%s goes from %s to %s', (text, first, last) => {
    expect([firstValue(cidr(text)), lastValue(cidr(text))]).toEqual([ip(first).value, ip(last).value]);
    expect(networkOf(cidr(text)).ip).toEqual(ip(first));
  });

  test('holds what is between its ends, of its family', () => {
    fc.assert(
      fc.property(anyCidr, fc.bigInt({ min: 0n, max: 300n }), (network, value) => {
        const { family } = network.ip;
        const other: Family = family === 4 ? 6 : 4;
        const size = 2n ** BigInt(BITS[family] - network.prefix);
        expect(containsIp(network, { family, value })).toBe(value / size === network.ip.value / size);
        expect(containsIp(network, { family: other, value })).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });

  test('overlaps another when some address is in both', () => {
    fc.assert(
      fc.property(anyCidr, anyCidr, (a, b) => {
        const shared = Array.from({ length: 256 }, (_, n) => ({ family: a.ip.family, value: BigInt(n) })).some(
          (one) => containsIp(a, one) && containsIp(b, one),
        );
        expect(overlaps(a, b)).toBe(shared);
      }),
      { numRuns: 500 },
    );
  });
});

test('the default networks are /0', () => {
  expect([formatCidr(defaultNetwork(4)), formatCidr(defaultNetwork(6))]).toEqual(['0.0.0.0/0', '::/0']);
});
