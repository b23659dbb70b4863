/** Parsing a value by a zod schema, with one Fault that names all that is wrong, in sentences. */

import * as z from 'zod/mini';
import { Fault, type FaultKind } from '../fault.ts';

/** The type of a parsed value; it is read-only. */
export type Parsed<S> = DeepReadonly<z.output<S>>;

type DeepReadonly<T> = T extends Uint8Array
  ? T
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;

/** The most keys that a message names. */
const SHOWN = 5;

const EXPECTED: Record<string, string> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

const REPORT_INPUT = { reportInput: true };

/**
 * Parses `input`. `what` is its name in the message: "the configuration". @throws Fault of `kind` that names the keys that
 * are wrong
 */
export function parseWith<T>(schema: z.ZodMiniType<T>, input: unknown, what: string, kind: FaultKind): T {
  const result = z.safeParse(schema, input, REPORT_INPUT);
  if (result.success) return result.data;
  const { issues } = result.error;
  const shown = issues.slice(0, SHOWN).map((issue) => complaint(issue, pathText(issue.path)));
  const more = issues.length > SHOWN ? ` (and ${issues.length - SHOWN} more)` : '';
  throw new Fault(kind, `cannot use ${what}: ${shown.join('; ')}${more}`);
}

/** One thing that is wrong with a value, and where. */
interface Issue {
  readonly path: readonly PropertyKey[];
  /** A clause that names the key: `mtu: expected a whole number, found "1500"`. */
  readonly reason: string;
}

/** Everything that is wrong with `input`; empty where the schema accepts it. Paths and keys begin with those of `at`. */
export function issuesOf(schema: z.ZodMiniType, input: unknown, at: readonly PropertyKey[] = []): Issue[] {
  const result = z.safeParse(schema, input, REPORT_INPUT);
  const issues = result.success ? [] : result.error.issues;
  return issues.map((issue) => ({
    path: [...at, ...issue.path],
    reason: complaint(issue, pathText(issue.path)),
  }));
}

/** A short name for a JSON value: its type, and the value itself where that is short. */
export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  return typeof value === 'string' ? `the string ${quoted(value)}` : shortened(JSON.stringify(value) ?? String(value));
}

/** A text in quotation marks; a long one is cut. */
export function quoted(text: string): string {
  return shortened(JSON.stringify(text.length > 100 ? text.slice(0, 100) : text));
}

/** A long text is cut. */
export function shortened(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** The key's path, the expected value, the value found. Messages of our own transforms are whole clauses already. */
function complaint(issue: z.core.$ZodIssue, where: string): string {
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

/** `ipam.ranges[0][1].subnet` */
export function pathText(path: readonly PropertyKey[]): string {
  return path.map((key, at) => (typeof key === 'number' ? `[${key}]` : `${at > 0 ? '.' : ''}${String(key)}`)).join('');
}
