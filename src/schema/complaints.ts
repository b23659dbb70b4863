/** What is off about a value that is being parsed, in sentences: the key's path, what was expected, what stands there. */

import type * as z from './zod.ts';

export interface Complaints {
  /** Reads what stands at `key` of the value that is being read. */
  within<T>(key: string | number, read: () => T): T;
  add(complaint: string): void;
  addMissing(): void;
  addUnexpected(expected: string, found: unknown): void;
  /** What zod has against a `value`; zod's own path goes on from there. */
  addIssue(issue: z.core.$ZodIssue, value: unknown): void;
  count(): number;
  all(): readonly string[];
}

export function createComplaints(): Complaints {
  const path: PropertyKey[] = [];
  const complaints: string[] = [];
  const say = (where: readonly PropertyKey[], complaint: string) => {
    complaints.push(where.length === 0 ? complaint : `${pathText(where)}: ${complaint}`);
  };
  return {
    within: (key, read) => {
      path.push(key);
      const value = read();
      path.pop();
      return value;
    },
    add: (complaint) => say(path, complaint),
    addMissing: () => complaints.push(`${pathText(path)} is missing`),
    addUnexpected: (expected, found) => say(path, `expected ${expected}, found ${describe(found)}`),
    addIssue: (issue, value) => {
      const where = [...path, ...issue.path];
      const found = valueAt(value, issue.path);
      if (found === undefined && where.length > 0) complaints.push(`${pathText(where)} is missing`);
      else say(where, `${expectation(issue)}, found ${describe(found)}`);
    },
    count: () => complaints.length,
    all: () => complaints,
  };
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], value);
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
  return typeof value === 'string' ? `the string ${quoted(value)}` : shortened(JSON.stringify(value) ?? String(value));
}

/** A text in quotation marks, cut where it is long. */
export function quoted(text: string): string {
  return shortened(JSON.stringify(text.length > 100 ? text.slice(0, 100) : text));
}

/** Cut where it is long. */
export function shortened(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function pathText(path: readonly PropertyKey[]): string {
  return path.map((key, at) => (typeof key === 'number' ? `[${key}]` : `${at > 0 ? '.' : ''}${String(key)}`)).join('');
}
