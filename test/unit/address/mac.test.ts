import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { hashHex } from '../../../src/address/hash.ts';
import { formatMac, isUnicastMac, localMac, parseMac } from '../../../src/address/mac.ts';

test('text and bytes are each other’s inverse', () => {
  const bytes = fc.uint8Array({ minLength: 6, maxLength: 6 });
  fc.assert(
    fc.property(bytes, (mac) => expect(parseMac(formatMac(mac))).toEqual(mac)),
    { numRuns: 300 },
  );
  expect(parseMac('0A-1B-2C-3D-4E-5F')).toEqual(parseMac('0a:1b:2c:3d:4e:5f') as Uint8Array);
  expect(parseMac('0A1b.2c3D.4e5f')).toEqual(parseMac('0a:1b:2c:3d:4e:5f') as Uint8Array);
});

test.each([
  '',
  '0a:1b:2c:3d:4e',
  '0a:1b:2c:3d:4e:5f:60',
  '0a:1b-2c:3d:4e:5f',
  '0a1b2c3d4e5f',
  '0a1b.2c3d4e5f',
  '0a1b:2c3d:4e5f',
  '0g:1b:2c:3d:4e:5f',
  'a:1b:2c:3d:4e:5f',
])('%j is none', (text) => {
  expect(parseMac(text)).toBeUndefined();
});

test('an interface may have neither a group address nor none', () => {
  const may = (text: string) => isUnicastMac(parseMac(text) as Uint8Array);
  expect([
    may('02:00:00:00:00:01'),
    may('01:00:5e:00:00:01'),
    may('ff:ff:ff:ff:ff:ff'),
    may('00:00:00:00:00:00'),
  ]).toEqual([true, false, false, false]);
});

test('one made from a hash is local, unicast, and the same each time', () => {
  fc.assert(
    fc.property(fc.string(), (name) => {
      const mac = localMac(hashHex(name));
      expect([isUnicastMac(mac), (mac[0] as number) & 2]).toEqual([true, 2]);
      expect(localMac(hashHex(name))).toEqual(mac);
    }),
    { numRuns: 500 },
  );
});

test('the hash keeps its parts apart, and differs in every part of it', () => {
  expect(hashHex('ab', 'c')).not.toBe(hashHex('a', 'bc'));
  expect(hashHex('abc')).not.toBe(hashHex('ab', 'c'));
  const hashes = Array.from({ length: 5000 }, (_, n) => hashHex('network', `container-${n}`, 'eth0'));
  expect(new Set(hashes).size).toBe(5000);
  expect(new Set(hashes.map((hash) => hash.slice(0, 8))).size).toBeGreaterThan(4990);
  expect(new Set(hashes.map((hash) => hash.slice(8))).size).toBeGreaterThan(4990);
});
