/**
 * Shapes of JSON values. A shape walks objects and lists itself and leaves the values in them to zod: a schema that is
 * made for a whole configuration costs more than the one parse it is made for, and most configurations have a third of
 * the keys that there are.
 */

import { type Complaints, describe, quoted } from './complaints.ts';
import * as zod from './zod.ts';

export interface Shape<T = unknown> {
  /** The parsed value. What is off is told to `complaints`, and then the value returned must not be used. */
  read(value: unknown, complaints: Complaints): T;
  /** The keys of an object. */
  readonly keys?: Shapes;
  /** The shape of each entry of a list. */
  readonly element?: Shape;
  /** The shape that this value has, where it depends on the value. */
  select?(value: unknown): Shape;
}

type Shapes = Readonly<Record<string, Shape>>;
/** What a shape parses to. */
export type ValueOf<S> = S extends Shape<infer T> ? T : never;

/** An object with these keys, of which those in `Required` must be there; others are dropped. */
export type ObjectOf<S extends Shapes, Required extends keyof S> = {
  readonly [Key in Exclude<keyof S, Required>]?: ValueOf<S[Key]> | undefined;
} & { readonly [Key in Required]: ValueOf<S[Key]> };

/** More of what is wrong with one value is not told: a long list may be wrong throughout. */
const ENOUGH = 20;

/** Stands for the value of something that has been complained about. */
const NOTHING = undefined as never;

/**
 * A value that one zod schema fits; the schema is made when it is first wanted. Where a look is enough to see that it
 * fits, `fits` takes that look, and the schema is wanted only to say what is wrong.
 */
export function leaf<T>(
  make: (z: typeof zod) => zod.ZodMiniType<T>,
  fits: (value: unknown) => value is T = (_): _ is T => false,
): Shape<T> {
  let schema: zod.ZodMiniType<T> | undefined;
  const read = (value: unknown, complaints: Complaints): T => {
    if (fits(value)) return value;
    schema ??= make(zod);
    const result = zod.safeParse(schema, value);
    if (result.success) return result.data;
    for (const issue of result.error.issues.slice(0, ENOUGH)) complaints.addIssue(issue, value);
    return NOTHING;
  };
  return { read };
}

/** What `parse` makes of a value that fits `shape`; where it makes nothing of it, it "is not `what`". */
export function parsed<S, T>(shape: Shape<S>, what: string, parse: (value: S) => T | undefined): Shape<T> {
  const read = (value: unknown, complaints: Complaints): T => {
    const before = complaints.count();
    const source = shape.read(value, complaints);
    if (complaints.count() > before) return NOTHING;
    const result = parse(source);
    if (result !== undefined) return result;
    complaints.add(`${typeof source === 'string' ? quoted(source) : describe(source)} is not ${what}`);
    return NOTHING;
  };
  return { read };
}

/** An object. Unknown keys are dropped. */
export function object<S extends Shapes, Required extends keyof S & string = never>(
  keys: S,
  ...required: readonly Required[]
): Shape<ObjectOf<S, Required>> & { readonly keys: S } {
  const read = (value: unknown, complaints: Complaints) => {
    if (!isObject(value)) {
      complaints.addUnexpected('an object', value);
      return NOTHING;
    }
    const result: Record<string, unknown> = {};
    for (const key of Object.keys(value)) {
      if (Object.hasOwn(keys, key))
        result[key] = complaints.within(key, () => (keys[key] as Shape).read(value[key], complaints));
    }
    for (const key of required) if (value[key] === undefined) complaints.within(key, complaints.addMissing);
    return result as ObjectOf<S, Required>;
  };
  return { read, keys };
}

/** A list; each entry is taken for what it is. */
export function list<T>(element: Shape<T>): Shape<readonly T[]> {
  const read = (value: unknown, complaints: Complaints) => {
    if (Array.isArray(value))
      return value.map((entry, at) => complaints.within(at, () => element.read(entry, complaints)));
    complaints.addUnexpected('a list', value);
    return NOTHING;
  };
  return { read, element };
}

/** A value whose shape depends on the value itself. */
export function selected<T>(select: (value: unknown) => Shape<T>): Shape<T> {
  return { read: (value, complaints) => select(value).read(value, complaints), select };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
