/**
 * Keys that are nearly right. The reference, being Go, matches JSON keys whatever their case, so configurations with
 * `isgateway` are out there; and a misspelt key is silently without effect in every plugin but this one.
 */

import leven from 'leven';
import type { Log } from '../log.ts';
import * as z from '../schema/zod.ts';

/** Unknown keys at most so many edits away from a known one are taken for misspelt. */
const NEAR = 2;
/** Below that length nearly everything is near. */
const SHORT = 4;

/** A copy of `value` in which keys that differ only in case from the schema's are spelt as the schema spells them. */
export function tidyKeys(schema: z.core.$ZodType, value: unknown, log: Log, path = ''): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const inner = unwrap(schema);
  if (inner instanceof z.ZodMiniArray && Array.isArray(value)) {
    return value.map((entry, at) => tidyKeys(inner.def.element, entry, log, `${path}[${at}]`));
  }
  if (inner instanceof z.ZodMiniObject && !Array.isArray(value)) {
    return tidyObject(inner.def.shape, value as Record<string, unknown>, log, path);
  }
  return value;
}

function tidyObject(shape: Shape, value: Record<string, unknown>, log: Log, path: string): Record<string, unknown> {
  const known = Object.keys(shape);
  const tidied: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(value)) {
    const where = path === '' ? key : `${path}.${key}`;
    const name = known.includes(key) ? key : spelling(key, known, value, where, log);
    const schema = shape[name];
    if (!Object.hasOwn(tidied, name)) define(tidied, name, schema ? tidyKeys(schema, entry, log, where) : entry);
  }
  return tidied;
}

/** The schema's spelling of a key that it does not have as it stands. */
function spelling(key: string, known: readonly string[], value: object, where: string, log: Log): string {
  const match = known.find((name) => name.toLowerCase() === key.toLowerCase());
  if (match === undefined) {
    const near = known.find((name) => key.length >= SHORT && leven(name, key, { maxDistance: NEAR + 1 }) <= NEAR);
    if (near !== undefined) log('warn', `the key "${where}" is not known and has no effect; is "${near}" meant?`);
    return key;
  }
  if (Object.hasOwn(value, match)) return key;
  log('warn', `the key "${where}" is taken for "${match}"; write it so, since other plugins may not accept it`);
  return match;
}

type Shape = Readonly<Record<string, z.core.$ZodType>>;

/** Through what only says that a value may be missing, is transformed, or that its schema is made late. */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodMiniOptional) return unwrap(schema.def.innerType);
  if (schema instanceof z.ZodMiniLazy) return unwrap(schema.def.getter());
  if (schema instanceof z.ZodMiniPipe) {
    return unwrap(schema.def.in instanceof z.ZodMiniTransform ? schema.def.out : schema.def.in);
  }
  return schema;
}

/** Plain assignment would take `__proto__` for something else. */
function define(object: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}
