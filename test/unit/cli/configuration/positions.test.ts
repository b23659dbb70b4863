/** Where values and keys of a JSON text stand. */

import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { indexJson, pointAt, valueAt } from '../../../../src/cli/configuration/positions.ts';

const text = '{ "a": [1, {"b\\"c": "x"}],\n  "Key": null, "a2": {}, "Key": 7 }';
const root = indexJson(text);
const at = (path: (string | number)[]) => {
  const { start, end } = pointAt(root, path);
  return text.slice(start, end);
};

test('points at the key of a value, at an entry of a list, and at what holds a value that is missing', () => {
  expect(at(['a'])).toBe('"a"');
  expect(at(['a', 0])).toBe('1');
  expect(at(['a', 1, 'b"c'])).toBe('"b\\"c"');
  expect(at(['a2', 'missing'])).toBe('"a2"');
  expect(at([])).toBe(text);
});

test('finds a key in another case, and the last of doubled keys', () => {
  expect(pointAt(root, ['key']).start).toBe(text.lastIndexOf('"Key"'));
});

test('every value of any JSON is found at its path, however it is formatted', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 4 }), fc.constantFrom(0, 2, '\t'), (json, indent) => {
      const value: unknown = JSON.parse(json);
      const written = JSON.stringify(value, null, indent);
      const index = indexJson(written);
      for (const [path, part] of partsOf(value, [])) {
        // Keys that differ in case are found by the exact one first.
        const node = valueAt(index, path);
        expect(JSON.parse(written.slice(node?.start, node?.end))).toEqual(part as never);
      }
    }),
  );
});

test('deep nesting does not exhaust the stack', () => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000);
  expect(indexJson(deep)).toMatchObject({ start: 0, end: deep.length });
});

function partsOf(value: unknown, path: (string | number)[]): [(string | number)[], unknown][] {
  const inner = Array.isArray(value)
    ? value.flatMap((entry, index) => partsOf(entry, [...path, index]))
    : typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([key, entry]) => partsOf(entry, [...path, key]))
      : [];
  return [[path, value], ...inner];
}
