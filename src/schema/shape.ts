/**
 * Shapes of JSON values. zod does the checking; a shape makes the schema for the one value that is there. Most
 * configurations have a third of the keys that there are, and making a schema for each key costs more than the parse.
 */

import * as z from './zod.ts';

export interface Shape<T = unknown> {
  /** A schema that takes `value` for what it is and says what is wrong with it. */
  schemaFor(value: unknown): z.ZodMiniType<T>;
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

/** A value that one schema fits; it is made when it is first wanted. */
export function leaf<T>(make: () => z.ZodMiniType<T>): Shape<T> {
  let schema: z.ZodMiniType<T> | undefined;
  return {
    schemaFor: () => {
      schema ??= make();
      return schema;
    },
  };
}

/** An object. Unknown keys are dropped. */
export function object<S extends Shapes, Required extends keyof S & string = never>(
  keys: S,
  ...required: readonly Required[]
): Shape<ObjectOf<S, Required>> & { readonly keys: S } {
  const schemaFor = (value: unknown) => {
    const schemas: Record<string, z.ZodMiniType> = {};
    const there = isObject(value) ? value : {};
    for (const key of Object.keys(there))
      if (Object.hasOwn(keys, key)) schemas[key] = (keys[key] as Shape).schemaFor(there[key]);
    for (const key of required) schemas[key] ??= (keys[key] as Shape).schemaFor(undefined);
    return z.object(schemas) as unknown as z.ZodMiniType<ObjectOf<S, Required>>;
  };
  return { schemaFor, keys };
}

/** A list; each entry is taken for what it is. */
export function list<T>(element: Shape<T>): Shape<readonly T[]> {
  const schemaFor = (value: unknown) => {
    if (!Array.isArray(value)) return z.array(z.unknown()) as unknown as z.ZodMiniType<readonly T[]>;
    const schemas = value.map((entry) => element.schemaFor(entry)) as [z.ZodMiniType<T>, ...z.ZodMiniType<T>[]];
    return z.tuple(schemas) as unknown as z.ZodMiniType<readonly T[]>;
  };
  return { schemaFor, element };
}

/** A value whose shape depends on the value itself. */
export function selected<T>(select: (value: unknown) => Shape<T>): Shape<T> {
  return { schemaFor: (value) => select(value).schemaFor(value), select };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
