import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import {
  BITS,
  type Family,
  formatIp,
  type Ip,
  ipFromBytes,
  ipToBytes,
  parseIp,
  sameIp,
} from '../../../src/address/ip.ts';

const anyIp: fc.Arbitrary<Ip> = fc.constantFrom<Family>(4, 6).chain((family) => {
  const any = fc.bigInt({ min: 0n, max: 2n ** BigInt(BITS[family]) - 1n });
  const withZeros = fc.array(fc.constantFrom<bigint>(0n, 0n, 1n, 0xffffn), { minLength: 8, maxLength: 8 });
  const sparse = withZeros.map((groups) => groups.reduce((value, group) => (value << 16n) | group, 0n));
  const value = family === 4 ? any : fc.oneof(any, sparse);
  return value
    .filter((number) => family === 4 || number >> 32n !== 0xffffn)
    .map((number) => ({ family, value: number }));
});

test('text and value are each other’s inverse', () => {
  fc.assert(
    fc.property(anyIp, (ip) => expect(parseIp(formatIp(ip))).toEqual(ip)),
    { numRuns: 2000 },
  );
});

test('bytes and value are each other’s inverse', () => {
  fc.assert(
    fc.property(anyIp, (ip) => expect(ipFromBytes(ipToBytes(ip))).toEqual(ip)),
    { numRuns: 500 },
  );
});

test('IPv6 is written as RFC 5952 says, and as the WHATWG URL writes it', () => {
  const isMapped = ({ value }: Ip) => value >> 32n === 0xffffn;
  fc.assert(
    fc.property(
      anyIp.filter((ip) => ip.family === 6 && !isMapped(ip)),
      (ip) => expect(`[${formatIp(ip)}]`).toBe(new URL(`http://[${formatIp(ip)}]/`).hostname),
    ),
    { numRuns: 2000 },
  );
});

describe('parsing', () => {
  test.each([
    ['10.1.0.2', 4, 0x0a010002n],
    ['0.0.0.0', 4, 0n],
    ['255.255.255.255', 4, 0xffffffffn],
    ['::', 6, 0n],
    ['::1', 6, 1n],
    ['FD00::A', 6, (0xfd00n << 112n) | 10n],
    ['fd00:0:0::a', 6, (0xfd00n << 112n) | 10n],
    ['::ffff:10.1.0.2', 4, 0x0a010002n],
  ] as const)('%s', (text, family, value) => {
    expect(parseIp(text)).toEqual({ family, value });
  });

  test.each([
    ...[
      '',
      ' ',
      '10.1.0',
      '10.1.0.256',
      '010.1.0.1',
      '0x0a.1.0.1',
      '167837698',
      '10.1.0.2 ',
      '10.1.0.2/24',
      '10.1.0.-1',
    ],
    ...[':', ':::', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '::1::', 'fe80::1%eth0', '[::1]', 'fd00::g', 'localhost'],
  ])('%j is no address', (text) => {
    expect(parseIp(text)).toBeUndefined();
  });

  test('any text is an address or not, never an exception', () => {
    const likely = fc.stringMatching(/^[0-9a-f:.%/ x]{0,45}$/);
    fc.assert(
      fc.property(fc.oneof(fc.string(), likely), (text) => void parseIp(text)),
      { numRuns: 2000 },
    );
  });
});

test('addresses are the same by family and value', () => {
  expect(sameIp({ family: 4, value: 1n }, { family: 4, value: 1n })).toBe(true);
  expect(sameIp({ family: 4, value: 1n }, { family: 6, value: 1n })).toBe(false);
  expect(sameIp({ family: 4, value: 1n }, { family: 4, value: 2n })).toBe(false);
});

test('only 4 or 16 bytes are an address', () => {
  for (const length of [0, 3, 5, 15, 17]) expect(() => ipFromBytes(new Uint8Array(length))).toThrow(RangeError);
});
