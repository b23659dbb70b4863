import { describe, expect, test } from 'bun:test';
import { parseWith } from '../../../src/schema/explain.ts';
import { leaf, list, object, type Shape } from '../../../src/schema/shape.ts';
import * as z from '../../../src/schema/zod.ts';
import { faultOf } from '../../support/fault.ts';

const text = leaf(() => z.string());
const parse = <T>(shape: Shape<T>, input: unknown) => parseWith(shape, input, 'it', 'config');
const refusal = (shape: Shape, input: unknown) => faultOf(() => parse(shape, input)).message;

test('a leaf’s schema is made once, and not before it is wanted', () => {
  let made = 0;
  const counted = leaf(() => {
    made++;
    return z.string();
  });
  const shape = object({ a: counted, b: text });
  parse(shape, { b: 'x' });
  expect(made).toBe(0);
  for (let times = 0; times < 3; times++) parse(shape, { a: 'x' });
  expect(made).toBe(1);
});

describe('an object', () => {
  const shape = object({ a: text, b: object({ c: text }, 'c') }, 'a');

  test('has the keys that are there and known', () => {
    expect(parse(shape, { a: 'x', b: { c: 'y', d: 1 }, e: 2 })).toEqual({ a: 'x', b: { c: 'y' } });
    expect(parse(shape, { a: 'x' })).toEqual({ a: 'x' });
  });

  test('needs those that are required, at whatever depth', () => {
    expect(refusal(shape, {})).toBe('cannot use it: a is missing');
    expect(refusal(shape, { a: 'x', b: {} })).toBe('cannot use it: b.c is missing');
  });

  test.each([['text'], [7], [null], [[]]])('is not %j', (input) => {
    expect(refusal(object({ a: text }), input)).toStartWith('cannot use it: expected an object, found ');
  });

  test('knows its own keys alone, not those that every object has', () => {
    const input = JSON.parse('{"__proto__":{"a":"evil"},"constructor":1,"toString":2}') as object;
    expect(Object.keys(parse(object({ a: text }), input))).toEqual([]);
    expect(parse(object({ a: text }), input).a).toBeUndefined();
  });
});

describe('a list', () => {
  const shape = list(object({ a: text }, 'a'));

  test('has each entry parsed', () => {
    expect(parse(shape, [{ a: 'x', b: 1 }, { a: 'y' }])).toEqual([{ a: 'x' }, { a: 'y' }]);
    expect(parse(shape, [])).toEqual([]);
    expect(parse(list(list(text)), [['x'], [], ['y', 'z']])).toEqual([['x'], [], ['y', 'z']]);
  });

  test('names the entry that is off', () => {
    expect(refusal(shape, [{ a: 'x' }, {}])).toBe('cannot use it: [1].a is missing');
    expect(refusal(list(list(text)), [['x', 7]])).toBe('cannot use it: [0][1]: expected a string, found 7');
  });

  test.each([['text'], [7], [null], [{}]])('is not %j', (input) => {
    expect(refusal(shape, input)).toStartWith('cannot use it: expected a list, found ');
  });

  test('may be long', () => {
    const entries = Array.from({ length: 5000 }, (_, at) => ({ a: String(at) }));
    expect(parse(shape, entries)).toHaveLength(5000);
  });
});
