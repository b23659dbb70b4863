/**
 * Where and why a text is not JSON (RFC 8259). JavaScript engines word their errors differently, and most of them give no
 * line and column. This scanner runs only after JSON.parse has refused the text.
 */

import { quoted } from './explain.ts';

/** Places in the text count UTF-16 code units. */
interface Flaw {
  readonly at: number;
  readonly reason: string;
}

type Expected = keyof typeof EXPECTED;

const EXPECTED = {
  value: 'expected a value',
  firstValue: 'expected a value or "]"',
  key: 'expected a key in quotation marks',
  firstKey: 'expected a key in quotation marks or "}"',
  colon: 'expected ":"',
  end: 'expected nothing after the first value',
  '{': 'expected "," or "}"',
  '[': 'expected "," or "]"',
} as const;

const WHITE_SPACE = /[ \t\n\r]*/y;
const NUMBER_OR_NAME = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
/** The most characters of the offending text that are shown. */
const SHOWN = 20;

/** A place in a text for people: both count characters from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/**
 * @returns `line 3, column 7: expected "," or "}", found "x"`, line and column counting characters from 1; undefined where
 * the text is JSON
 */
export function describeJsonFlaw(text: string): string | undefined {
  const flaw = findFlaw(text);
  if (flaw === undefined) return undefined;
  const { line, column } = placeAt(text, flaw.at);
  return `line ${line}, column ${column}: ${flaw.reason}`;
}

/** The place of an offset, in UTF-16 code units, in a text. */
export function placeAt(text: string, at: number): Place {
  const lineStart = text.lastIndexOf('\n', at - 1) + 1;
  const line = countOf(text, 0, lineStart, (unit) => unit === 0x0a) + 1;
  return { line, column: countOf(text, lineStart, at, (unit) => !isLowSurrogate(unit)) + 1 };
}

/**
 * The first flaw; undefined where the text is JSON. Keeps the open objects and lists in a list of its own, so that deep nesting
 * cannot exhaust the call stack.
 */
export function findFlaw(text: string): Flaw | undefined {
  const open: ('{' | '[')[] = [];
  let expected: Expected = 'value';
  const afterValue = (): Expected => open.at(-1) ?? 'end';
  for (let at = endOf(WHITE_SPACE, text, 0); ; at = endOf(WHITE_SPACE, text, at)) {
    const found = text[at];
    if (expected === 'end') return found === undefined ? undefined : mismatch(text, at, expected);
    const isKey: boolean = expected === 'key' || expected === 'firstKey';
    const isValue: boolean = expected === 'value' || expected === 'firstValue';
    if (found === '"' && (isKey || isValue)) {
      const string = scanString(text, at);
      if (typeof string !== 'number') return string;
      at = string;
      expected = isKey ? 'colon' : afterValue();
      continue;
    }
    const end = isValue ? endOf(NUMBER_OR_NAME, text, at) : -1;
    if (end > at) {
      at = end;
      expected = afterValue();
      continue;
    }
    if (isValue && (found === '{' || found === '[')) {
      open.push(found);
      expected = found === '{' ? 'firstKey' : 'firstValue';
    } else if (closes(found, expected)) {
      open.pop();
      expected = afterValue();
    } else if (found === ':' && expected === 'colon') expected = 'value';
    else if (found === ',' && expected === '{') expected = 'key';
    else if (found === ',' && expected === '[') expected = 'value';
    else return mismatch(text, at, expected);
    at++;
  }
}

function closes(found: string | undefined, expected: Expected): boolean {
  if (found === '}') return expected === 'firstKey' || expected === '{';
  return found === ']' && (expected === 'firstValue' || expected === '[');
}

/** Where the string that begins at `start` ends, in a text that is JSON. */
export function endOfJsonString(text: string, start: number): number {
  const end = scanString(text, start);
  return typeof end === 'number' ? end : text.length;
}

/** @returns where the string that begins at `start` ends */
function scanString(text: string, start: number): number | Flaw {
  for (let at = start + 1; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === 0x22) return at + 1;
    if (unit === 0x0a || unit === 0x0d)
      return { at: start, reason: `${shown(text, start)} has no closing quotation mark` };
    if (unit < 0x20) return { at, reason: `the control character ${shown(text, at, 1)} in a string must be escaped` };
    if (unit !== 0x5c) continue;
    const end = endOf(ESCAPE, text, at);
    if (end < 0) return { at, reason: `${shown(text, at, 6)} begins with no escape sequence of JSON` };
    at = end - 1;
  }
  return { at: start, reason: `${shown(text, start)} has no closing quotation mark` };
}

function mismatch(text: string, at: number, expected: Expected): Flaw {
  const found = at < text.length ? shown(text, at) : 'the end of the text';
  return { at, reason: `${EXPECTED[expected]}, found ${found}` };
}

/** The text from there to the end of its line, cut where it is long. */
function shown(text: string, at: number, most = SHOWN): string {
  return quoted(/^[^\r\n]*/.exec(text.slice(at, at + most))?.[0] || text.slice(at, at + 1));
}

/** @returns where the match of a sticky pattern ends; -1 where there is none */
function endOf(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

function countOf(text: string, from: number, to: number, counts: (unit: number) => boolean): number {
  let count = 0;
  for (let at = from; at < to; at++) if (counts(text.charCodeAt(at))) count++;
  return count;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
