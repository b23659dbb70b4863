/** Text as bytes and back: as Node's TextEncoder and TextDecoder have it, on texts and bytes of all sorts. */

import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { answering, answerOf, runIt } from './support/program.ts';

const RUNS = 3000;

/** Bytes that are text here and there, which random ones hardly ever are. */
const pieces = fc.oneof(
  fc.uint8Array({ maxLength: 6 }),
  fc.string({ unit: 'binary', maxLength: 6 }).map((text) => new TextEncoder().encode(text)),
  fc
    .constantFrom('efbbbf', 'eda080', 'f4908080', 'c080', 'e28182', 'f09f98', '00')
    .map((hex) => Buffer.from(hex, 'hex')),
);
const someBytes = fc.array(pieces, { maxLength: 5 }).map((parts) => [...Buffer.concat(parts)]);

test('bytes become text', async () => {
  const samples = fc.sample(someBytes, RUNS);
  const path = await answering(`
    const strictly = (bytes) => { try { return host.decodeStrictly(bytes); } catch (error) { return error.name; } };
    const decoded = (bytes) => [text.decodeUtf8(bytes), strictly(bytes), text.decodeLatin1(bytes)];
    return input().map((bytes) => decoded(new Uint8Array([1, ...bytes, 2]).subarray(1, -1)));`);
  const answers = answerOf(runIt(path, [], { input: JSON.stringify(samples) }));
  expect(answers).toEqual(samples.map((bytes) => expected(Uint8Array.from(bytes))));
});

function expected(bytes: Uint8Array): [string, string, string] {
  let strictly: string;
  try {
    strictly = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    strictly = 'TypeError';
  }
  return [new TextDecoder().decode(bytes), strictly, Buffer.from(bytes).toString('latin1')];
}

test('text becomes bytes', async () => {
  const units = fc.array(fc.oneof(fc.nat(0xffff), fc.integer({ min: 0xd7f0, max: 0xe010 }), fc.nat(0x7f)), {
    maxLength: 9,
  });
  const samples = fc.sample(units, RUNS);
  const path = await answering('return input().map((units) => [...text.encodeUtf8(String.fromCharCode(...units))]);');
  const answers = answerOf(runIt(path, [], { input: JSON.stringify(samples) }));
  expect(answers).toEqual(samples.map((sample) => [...new TextEncoder().encode(String.fromCharCode(...sample))]));
});
