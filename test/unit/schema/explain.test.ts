/** What zod finds, in sentences. */

import { describe, expect, test } from 'bun:test';
import * as z from 'zod/mini';
import { parseWith, describe as shortName } from '../../../src/schema/explain.ts';
import { list, object, options } from '../../../src/schema/net.ts';
import { faultOf } from '../../support/fault.ts';

const schema = options({
  text: z.string(),
  flag: z.boolean(),
  size: z.int().check(z.minimum(1), z.maximum(9)),
  mode: z.literal(['a', 'b']),
  list: list(object({ name: z.string() })),
  map: z.record(z.string(), z.number()),
});

const messageFor = (input: unknown) => faultOf(() => parseWith(schema, input, 'the thing', 'config')).message;

test('what is right is handed on, without the keys that nobody knows', () => {
  const input = { text: 'x', flag: false, size: 9, mode: 'b' as const, list: [{ name: 'n' }], map: { k: 1 } };
  expect(parseWith(schema, { ...input, other: 1 }, 'the thing', 'config')).toEqual(input);
});

test.each([
  [{ text: 7 }, 'text: expected a string, found 7'],
  [{ flag: 'yes' }, 'flag: expected true or false, found the string "yes"'],
  [{ size: 'x' }, 'size: expected a number, found the string "x"'],
  [{ size: 1.5 }, 'size: expected a whole number, found 1.5'],
  [{ size: 0 }, 'size: must be at least 1, found 0'],
  [{ size: 10 }, 'size: must be at most 9, found 10'],
  [{ mode: 'c' }, 'mode: must be "a" or "b", found the string "c"'],
  [{ list: {} }, 'list: expected a list, found an object'],
  [{ list: [{ name: 'n' }, 'x'] }, 'list[1]: expected an object, found the string "x"'],
  [{ list: [{}] }, 'list[0].name is missing'],
  [{ map: [] }, 'map: expected an object, found a list'],
  [{ map: { k: 'x' } }, 'map.k: expected a number, found the string "x"'],
  [{ text: null }, 'text: expected a string, found null'],
  ['x', 'expected an object, found the string "x"'],
  [[], 'expected an object, found a list'],
])('%j', (input, reason) => {
  expect(messageFor(...([input] as const))).toBe(`cannot use the thing: ${reason}`);
});

test('all that is off is told, with the kind that was asked for', () => {
  const fault = faultOf(() => parseWith(schema, { text: 1, flag: 2 }, 'prevResult', 'decode'));
  expect([fault.kind, fault.message]).toEqual([
    'decode',
    'cannot use prevResult: text: expected a string, found 1; flag: expected true or false, found 2',
  ]);
});

test('of many the first five are told, and how many there are more', () => {
  const entries = Array.from({ length: 8 }, () => ({}));
  const first = Array.from({ length: 5 }, (_, at) => `list[${at}].name is missing`);
  expect(messageFor({ list: entries })).toBe(`cannot use the thing: ${first.join('; ')} (and 3 more)`);
});

describe('a value’s short name', () => {
  test.each([
    [null, 'null'],
    [undefined, 'undefined'],
    [true, 'true'],
    [1.5, '1.5'],
    [{ a: 1 }, 'an object'],
    ['a\n"b"', 'the string "a\\n\\"b\\""'],
    ['', 'the string ""'],
    ['x'.repeat(58), `the string "${'x'.repeat(58)}"`],
    ['x'.repeat(59), `the string "${'x'.repeat(56)}…`],
  ])('%p', (value, expected) => {
    expect(shortName(value)).toBe(expected);
  });

  test('of a list', () => {
    expect(shortName([1])).toBe('a list');
  });
});
