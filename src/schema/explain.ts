/** Turns what zod found into sentences: the key's path, what was expected, what stands there. */

import { Fault, type FaultKind } from '../fault.ts';
import type { Shape } from './shape.ts';
import * as z from './zod.ts';

/** Parses `input`, or throws one Fault that names every key that is off. `what` is the object: "the configuration". */
export function parseWith<T>(shape: Shape<T>, input: unknown, what: string, kind: FaultKind): T {
  const result = z.safeParse(shape.schemaFor(input), input);
  if (result.success) return result.data;
  const complaints = result.error.issues.flatMap((issue) => explain(issue, input));
  const shown = [...new Set(complaints)].slice(0, 5);
  const more = complaints.length > shown.length ? ` (and ${complaints.length - shown.length} more)` : '';
  throw new Fault(kind, `cannot use ${what}: ${shown.join('; ')}${more}`);
}

function explain(issue: z.core.$ZodIssue, input: unknown): string[] {
  const where = pathText(issue.path);
  const lead = where === '' ? '' : `${where}: `;
  const value = issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], input);
  if (issue.code === 'custom') return [`${lead}${issue.message}`];
  if (value === undefined) return [`${where} is missing`];
  return [`${lead}${expectation(issue)}, found ${describe(value)}`];
}

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${EXPECTED[issue.expected] ?? issue.expected}`;
    case 'too_small':
      return `must be at least ${issue.minimum}`;
    case 'too_big':
      return `must be at most ${issue.maximum}`;
    case 'invalid_value':
      return `must be ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
    default:
      return issue.message;
  }
}

const EXPECTED: Record<string, string> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

/** A short name for a JSON value: its type, and the value itself where that is short. */
export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  const text = JSON.stringify(value) ?? String(value);
  return `${typeof value === 'string' ? 'the string ' : ''}${text.length > 60 ? `${text.slice(0, 57)}…` : text}`;
}

function pathText(path: readonly PropertyKey[]): string {
  return path.map((key, at) => (typeof key === 'number' ? `[${key}]` : `${at > 0 ? '.' : ''}${String(key)}`)).join('');
}
