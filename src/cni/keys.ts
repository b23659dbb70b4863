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

/** A key that is nearly right. */
export interface NearKey {
  /** The path of the key: `ipam.ranges[0][0].subnett`. */
  readonly where: string;
  readonly key: string;
  /** The known key that it is near to. */
  readonly meant: string;
  /** `taken`: the plugin takes it for the known key. `ignored`: it has no effect. `doubled`: none beside the known key. */
  readonly fate: 'taken' | 'ignored' | 'doubled';
}

type Note = (near: NearKey) => void;

/** The nearly right keys of a value. */
export function nearKeys(schema: z.core.$ZodType, value: unknown): NearKey[] {
  const found: NearKey[] = [];
  tidy(schema, value, (near) => found.push(near), '');
  return found;
}

/**
 * A copy of `value` with the schema's spelling of keys that differ from it in case only; logs a warning for each nearly right
 * key.
 */
export function tidyKeys(schema: z.core.$ZodType, value: unknown, log: Log): unknown {
  return tidy(schema, value, (near) => log('warn', nearKeyText(near)), '');
}

/** The warning about a nearly right key. */
export function nearKeyText({ where, meant, fate }: NearKey): string {
  if (fate === 'ignored') return `the key "${where}" is not known and has no effect; is "${meant}" meant?`;
  if (fate === 'doubled') return `the key "${where}" has no effect beside "${meant}"`;
  return `the key "${where}" is taken for "${meant}"; write it that way, since other plugins may not accept it`;
}

function tidy(schema: z.core.$ZodType, value: unknown, note: Note, path: string): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { keys, element } = structureOf(schema);
  if (Array.isArray(value)) {
    return element === undefined ? value : value.map((entry, at) => tidy(element, entry, note, `${path}[${at}]`));
  }
  return keys === undefined ? value : tidyObject(keys, value as Record<string, unknown>, note, path);
}

/** The keys of an object's schema, or the schema of a list's entries. */
export function structureOf(schema: z.core.$ZodType): { keys?: Keys; element?: z.core.$ZodType } {
  if (schema instanceof z.ZodMiniOptional) return structureOf(schema.def.innerType);
  if (schema instanceof z.ZodMiniObject) return { keys: schema.def.shape };
  return schema instanceof z.ZodMiniArray ? { element: schema.def.element } : {};
}

function tidyObject(keys: Keys, value: Record<string, unknown>, note: Note, path: string): Record<string, unknown> {
  const tidied: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const where = path === '' ? key : `${path}.${key}`;
    const name = Object.hasOwn(keys, key) ? key : spelling(key, Object.keys(keys), value, where, note);
    const schema = Object.hasOwn(keys, name) ? keys[name] : undefined;
    const entry = schema === undefined ? value[key] : tidy(schema, value[key], note, where);
    if (!Object.hasOwn(tidied, name)) define(tidied, name, entry);
  }
  return tidied;
}

/** The schema's spelling of a key that is not in it. */
function spelling(key: string, known: readonly string[], value: object, where: string, note: Note): string {
  const near = judgeKey(key, known, value);
  if (near === undefined) return key;
  note({ where, key, ...near });
  return near.fate === 'taken' ? near.meant : key;
}

/** Judges a key that is not among the known ones; undefined where it is near to none. `siblings` is the object that has it. */
export function judgeKey(
  key: string,
  known: readonly string[],
  siblings: object,
): Pick<NearKey, 'meant' | 'fate'> | undefined {
  const lower = key.toLowerCase();
  const match = known.find((name) => name.length === key.length && name.toLowerCase() === lower);
  if (match !== undefined) return { meant: match, fate: Object.hasOwn(siblings, match) ? 'doubled' : 'taken' };
  const meant = nearestOf(key, known);
  return meant === undefined ? undefined : { meant, fate: 'ignored' };
}

/** The first of the known words that is near to this one; undefined for a word that is too short to tell. */
export function nearestOf(word: string, known: readonly string[]): string | undefined {
  return known.find((name) => word.length >= SHORT && leven(name, word, { maxDistance: NEAR + 1 }) <= NEAR);
}

/** A plain assignment to `__proto__` would set the prototype. */
function define(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  else object[key] = value;
}
