/**
 * Keys that are nearly right. Go matches JSON keys without regard to case, so there are configurations with `isgateway` for the
 * reference plugins. A misspelt key has no effect in other plugins, and they give no warning.
 */

import leven from 'leven';
import * as z from 'zod/mini';
import type { Log } from '../log.ts';

/** The most edits from a known key with which an unknown one counts as misspelt. */
const NEAR = 2;
/** The least length of a key that may be called misspelt: a shorter one is near to too many known ones. */
const SHORT = 4;

type Keys = z.core.$ZodShape;

/**
 * A copy of `value` with the schema's spelling of keys that differ from it in case only; logs a warning for each nearly right
 * key.
 */
export function tidyKeys(schema: z.core.$ZodType, value: unknown, log: Log, path = ''): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { keys, element } = structureOf(schema);
  if (Array.isArray(value)) {
    return element === undefined ? value : value.map((entry, at) => tidyKeys(element, entry, log, `${path}[${at}]`));
  }
  return keys === undefined ? value : tidyObject(keys, value as Record<string, unknown>, log, path);
}

/** The keys of an object's schema, or the schema of a list's entries. */
export function structureOf(schema: z.core.$ZodType): { keys?: Keys; element?: z.core.$ZodType } {
  if (schema instanceof z.ZodMiniOptional) return structureOf(schema.def.innerType);
  if (schema instanceof z.ZodMiniObject) return { keys: schema.def.shape };
  return schema instanceof z.ZodMiniArray ? { element: schema.def.element } : {};
}

function tidyObject(keys: Keys, value: Record<string, unknown>, log: Log, path: string): Record<string, unknown> {
  const tidied: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const where = path === '' ? key : `${path}.${key}`;
    const name = Object.hasOwn(keys, key) ? key : spelling(key, Object.keys(keys), value, where, log);
    const schema = Object.hasOwn(keys, name) ? keys[name] : undefined;
    const entry = schema === undefined ? value[key] : tidyKeys(schema, value[key], log, where);
    if (!Object.hasOwn(tidied, name)) define(tidied, name, entry);
  }
  return tidied;
}

/** The schema's spelling of a key that is not in it. */
function spelling(key: string, known: readonly string[], value: object, where: string, log: Log): string {
  const strange = judgeKey(key, known, value);
  if (strange.kind === 'misspelt') log('warn', misspelt(where, strange.meant));
  if (strange.kind === 'beside') log('warn', `the key "${where}" has no effect beside "${strange.meant}"`);
  if (strange.kind !== 'other case') return key;
  log('warn', otherCase(where, strange.meant));
  return strange.meant;
}

/** What a key is that a schema does not have. */
export type StrangeKey =
  | { readonly kind: 'unknown' }
  /** Near to a known one, and without effect. */
  | { readonly kind: 'misspelt'; readonly meant: string }
  /** Differs from a known one in case only. `beside`: the known one is there as well, and this one has no effect. */
  | { readonly kind: 'other case' | 'beside'; readonly meant: string };

/** Judges a key that is not among the known ones. `siblings` is the object that has it. */
export function judgeKey(key: string, known: readonly string[], siblings: object): StrangeKey {
  const lower = key.toLowerCase();
  const match = known.find((name) => name.length === key.length && name.toLowerCase() === lower);
  if (match !== undefined) return { kind: Object.hasOwn(siblings, match) ? 'beside' : 'other case', meant: match };
  const near = nearestOf(key, known);
  return near === undefined ? { kind: 'unknown' } : { kind: 'misspelt', meant: near };
}

/** The first of the known words that is near to this one; undefined for a word that is too short to tell. */
export function nearestOf(word: string, known: readonly string[]): string | undefined {
  return known.find((name) => word.length >= SHORT && leven(name, word, { maxDistance: NEAR + 1 }) <= NEAR);
}

/** The warning about a misspelt key. */
export function misspelt(where: string, meant: string): string {
  return `the key "${where}" is not known and has no effect; is "${meant}" meant?`;
}

/** The warning about a key that differs from a known one in case only. */
export function otherCase(where: string, meant: string): string {
  return `the key "${where}" is taken for "${meant}"; write it that way, since other plugins may not accept it`;
}

/** A plain assignment to `__proto__` would set the prototype. */
function define(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  else object[key] = value;
}
