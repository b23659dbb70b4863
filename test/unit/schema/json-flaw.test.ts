/** Line and column of what makes a text no JSON, whatever engine refuses it. */

import { describe, expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { describeJsonFlaw } from '../../../src/schema/json-flaw.ts';

describe('the flaw of', () => {
  test.each([
    ['', 'line 1, column 1: expected a value, found the end of the text'],
    ['{', 'line 1, column 2: expected a key in quotation marks or "}", found the end of the text'],
    ['{"a":1', 'line 1, column 7: expected "," or "}", found the end of the text'],
    ['[1', 'line 1, column 3: expected "," or "]", found the end of the text'],
    ['{"a":1}{"b":2}', 'line 1, column 8: expected nothing after the first value, found "{\\"b\\":2}"'],
    ['x', 'line 1, column 1: expected a value, found "x"'],
    ['{a:1}', 'line 1, column 2: expected a key in quotation marks or "}", found "a:1}"'],
    ["{'a':1}", 'line 1, column 2: expected a key in quotation marks or "}", found "\'a\':1}"'],
    ['{"a":1,}', 'line 1, column 8: expected a key in quotation marks, found "}"'],
    ['[1,]', 'line 1, column 4: expected a value, found "]"'],
    ['[}', 'line 1, column 2: expected a value or "]", found "}"'],
    ['{"a" 1}', 'line 1, column 6: expected ":", found "1}"'],
    ['{"a":1]', 'line 1, column 7: expected "," or "}", found "]"'],
    ['{\n  "a": 1\n  "b": 2\n}', 'line 3, column 3: expected "," or "}", found "\\"b\\": 2"'],
    ['{\r\n  "a": tru\r\n}', 'line 2, column 8: expected a value, found "tru"'],
    ['{"a": truex}', 'line 1, column 7: expected a value, found "truex}"'],
    ['{"a": 01}', 'line 1, column 7: expected a value, found "01}"'],
    ['{"a": +1}', 'line 1, column 7: expected a value, found "+1}"'],
    ['{"a": 1.}', 'line 1, column 7: expected a value, found "1.}"'],
    ['{"a": // the bridge\n 1}', 'line 1, column 7: expected a value, found "// the bridge"'],
    ['{"a": "x\n}', 'line 1, column 7: "\\"x" has no closing quotation mark'],
    ['{"a": "x', 'line 1, column 7: "\\"x" has no closing quotation mark'],
    ['{"a": "\t"}', 'line 1, column 8: the control character "\\t" in a string must be escaped'],
    ['{"a": "\\x41"}', 'line 1, column 8: "\\\\x41\\"}" begins with no escape sequence of JSON'],
    ['{"ä🐢": x}', 'line 1, column 8: expected a value, found "x}"'],
    [`{"a": ${'x'.repeat(100)}`, `line 1, column 7: expected a value, found "${'x'.repeat(20)}"`],
  ])('%j', (text, flaw) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(describeJsonFlaw(text)).toBe(flaw);
  });
});

test('what JSON.parse takes has none', () => {
  fc.assert(
    fc.property(fc.json(), fc.constantFrom(0, 2, '\t'), (json, indent) => {
      expect(describeJsonFlaw(JSON.stringify(JSON.parse(json), null, indent))).toBeUndefined();
    }),
  );
});

test('what JSON.parse refuses has one', () => {
  const damaged = fc.tuple(fc.json(), fc.nat(), fc.constantFrom('', '"', '}', ',', '\\', '\n', '1', '-', 'e', ':'));
  fc.assert(
    fc.property(damaged, ([json, place, inserted]) => {
      const at = place % (json.length + 1);
      const text = json.slice(0, at) + inserted + json.slice(inserted === '' ? at + 1 : at);
      expect(describeJsonFlaw(text) === undefined).toBe(isJson(text));
    }),
    { numRuns: 2_000 },
  );
});

test('deep nesting is scanned', () => {
  expect(describeJsonFlaw(`${'['.repeat(200_000)}x`)).toBe('line 1, column 200001: expected a value or "]", found "x"');
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
