import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import {
  concat,
  cString,
  pack,
  readCString,
  readI32le,
  readU8,
  readU16le,
  readU32be,
  readU32le,
  Truncated,
} from '../../../src/netlink/bytes.ts';

const BYTES = Uint8Array.of(0x01, 0x80, 0xfe, 0xff, 0xff);

test('integers are read in the order that stands in the name', () => {
  expect([readU8(BYTES), readU8(BYTES, 1)]).toEqual([0x01, 0x80]);
  expect([readU16le(BYTES), readU16le(BYTES, 1)]).toEqual([0x8001, 0xfe80]);
  expect([readU32le(BYTES), readU32le(BYTES, 1)]).toEqual([0xfffe8001, 0xfffffe80]);
  expect([readU32be(BYTES), readU32be(BYTES, 1)]).toEqual([0x0180feff, 0x80feffff]);
  expect([readI32le(BYTES), readI32le(BYTES, 1)]).toEqual([-0x17fff, -0x180]);
});

describe('reading past the end', () => {
  test.each([
    ['u8', readU8, 1],
    ['u16', readU16le, 2],
    ['i32', readI32le, 4],
    ['u32', readU32le, 4],
    ['u32 in network order', readU32be, 4],
  ] as const)('%s is refused, up to the last place where it fits', (_, read, width) => {
    expect(() => read(BYTES, BYTES.length - width)).not.toThrow();
    expect(() => read(BYTES, BYTES.length - width + 1)).toThrow(Truncated);
    expect(() => read(new Uint8Array())).toThrow(Truncated);
  });
});

test('a structure is packed field by field, without gaps', () => {
  expect(pack([1, 0x0a], [1, 64], [2, 0x1234], [4, 0xdeadbeef])).toEqual(
    Uint8Array.of(0x0a, 64, 0x34, 0x12, 0xef, 0xbe, 0xad, 0xde),
  );
  expect(pack([4, -1], [1, 0x1ff])).toEqual(Uint8Array.of(255, 255, 255, 255, 255));
  expect(pack()).toEqual(new Uint8Array());
});

test('parts become a whole', () => {
  const parts = fc.array(fc.uint8Array({ maxLength: 9 }));
  fc.assert(fc.property(parts, (list) => expect([...concat(list)]).toEqual(list.flatMap((part) => [...part]))));
});

test('integers are read where they stand in a larger buffer', () => {
  expect(readU32le(BYTES.subarray(1), 0)).toBe(0xfffffe80);
  expect(() => readU32le(BYTES.subarray(0, 4), 1)).toThrow(Truncated);
});

describe('text', () => {
  test('ends in a NUL, in UTF-8', () => {
    expect(cString('br0')).toEqual(Uint8Array.of(0x62, 0x72, 0x30, 0));
    expect(cString('ö')).toEqual(Uint8Array.of(0xc3, 0xb6, 0));
    expect(cString('')).toEqual(Uint8Array.of(0));
  });

  test('is read up to its NUL, or to the end where it has none', () => {
    expect(readCString(Uint8Array.of(0x62, 0x72, 0, 0x78))).toBe('br');
    expect(readCString(Uint8Array.of(0x62, 0x72))).toBe('br');
    expect([readCString(new Uint8Array()), readCString(Uint8Array.of(0, 0x78))]).toEqual(['', '']);
  });
});
