/** Parsing a value by a zod schema: all of it is right, or one Fault says what is not, in sentences. */

import * as z from 'zod/mini';
import { Fault, type FaultKind } from '../fault.ts';

/** What a schema parses a value to. Nobody changes it. */
export type Parsed<S> = DeepReadonly<z.output<S>>;

type DeepReadonly<T> = T extends Uint8Array
  ? T
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;

/** Not more keys than these are named. */
const SHOWN = 5;

/** Parses `input`, or throws one Fault that names the keys that are off. `what` is the object: "the configuration". */
export function parseWith<T>(schema: z.ZodMiniType<T>, input: unknown, what: string, kind: FaultKind): T {
  const result = z.safeParse(schema, input, REPORT_INPUT);
  if (result.success) return result.data;
  const { issues } = result.error;
  const shown = issues.slice(0, SHOWN).map(complaint);
  const more = issues.length > SHOWN ? ` (and ${issues.length - SHOWN} more)` : '';
  throw new Fault(kind, `cannot use ${what}: ${shown.join('; ')}${more}`);
}

const REPORT_INPUT = { reportInput: true };

/** The key's path, what was expected, what stands there. What our own transforms have to say is a sentence already. */
function complaint(issue: z.core.$ZodIssue): string {
  const where = pathText(issue.path);
  if (issue.input === undefined && where !== '') return `${where} is missing`;
  const reason = issue.code === 'custom' ? issue.message : `${expectation(issue)}, found ${describe(issue.input)}`;
  return where === '' ? reason : `${where}: ${reason}`;
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

function pathText(path: readonly PropertyKey[]): string {
  return path.map((key, at) => (typeof key === 'number' ? `[${key}]` : `${at > 0 ? '.' : ''}${String(key)}`)).join('');
}

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
