/** Putting a heap into an engine, on a made-up one. */

import { describe, expect, test } from 'bun:test';
// @ts-expect-error: the build has no types
import { fillHeap } from '../../tools/executable.mjs';

const HEADER = 64;
const SEGMENT = 56;
const PT_LOAD = 1;
const PT_INTERP = 3;
const PT_GNU_STACK = 0x6474e551;

/** An ELF file with a segment of code, one to be filled with 8,192 bytes of room at 4,096, and section headers behind it. */
function engine(): Buffer {
  const file = Buffer.alloc(4096 + 8192 + 128, 0xee);
  file.fill(0, 0, HEADER + 3 * SEGMENT);
  file.writeBigUInt64LE(BigInt(HEADER), 32); // e_phoff
  file.writeBigUInt64LE(4096n + 8192n, 40); // e_shoff
  for (const [at, value] of [SEGMENT, 3, 64, 2, 1].entries()) file.writeUInt16LE(value, 54 + 2 * at); // from e_phentsize
  const segments = [
    { type: PT_LOAD, offset: 0, size: 1000 },
    { type: PT_LOAD, offset: 4096, size: 8192 },
    { type: PT_GNU_STACK, offset: 0, size: 0 },
  ];
  for (const [index, { type, offset, size }] of segments.entries()) {
    const at = HEADER + index * SEGMENT;
    file.writeUInt32LE(type, at);
    file.writeBigUInt64LE(BigInt(offset), at + 8);
    for (const field of [32, 40]) file.writeBigUInt64LE(BigInt(size), at + field);
  }
  return file;
}

test('the heap takes the room of the last segment, which has that length in the file and in memory', () => {
  const heap = Buffer.alloc(4096, 0xab);
  const filled: Buffer = fillHeap(engine(), heap);
  expect(filled.length).toBe(4096 + 4096);
  expect(filled.subarray(4096)).toEqual(heap);
  expect([32, 40].map((at) => filled.readBigUInt64LE(HEADER + SEGMENT + at))).toEqual([4096n, 4096n]);
  expect([32, 40].map((at) => filled.readBigUInt64LE(HEADER + at))).toEqual([1000n, 1000n]);
});

test('section headers, which were behind it, are not spoken of any more', () => {
  const filled: Buffer = fillHeap(engine(), Buffer.alloc(4096));
  expect([filled.readBigUInt64LE(40), ...[58, 60, 62].map((at) => filled.readUInt16LE(at))]).toEqual([0n, 0, 0, 0]);
  expect(filled.readUInt16LE(56)).toBe(3);
});

describe('is refused', () => {
  test('a heap that is too large', () => {
    expect(() => fillHeap(engine(), Buffer.alloc(12_288))).toThrow(
      'the heap has 12288 bytes, and the segment only 8192',
    );
  });

  test('an engine that is linked dynamically', () => {
    const file = engine();
    file.writeUInt32LE(PT_INTERP, HEADER + 2 * SEGMENT);
    expect(() => fillHeap(file, Buffer.alloc(4096))).toThrow('linked dynamically');
  });

  test('a file without segments', () => {
    const file = engine();
    file.writeUInt16LE(0, 56);
    expect(() => fillHeap(file, Buffer.alloc(4096))).toThrow('no segment to load');
  });
});
