/**
 * Keys that are nearly right. The reference, being Go, matches JSON keys whatever their case, so configurations with
 * `isgateway` are out there; and a misspelt key is silently without effect in every plugin but this one.
 */

import leven from 'leven';
import type { Log } from '../log.ts';
import type { Shape } from '../schema/shape.ts';

/** Unknown keys at most so many edits away from a known one are taken for misspelt. */
const NEAR = 2;
/** Below that length nearly everything is near. */
const SHORT = 4;

/** A copy of `value` in which keys that differ only in case from the shape's are spelt as the shape spells them. */
export function tidyKeys(shape: Shape, value: unknown, log: Log, path = ''): unknown {
  const { element, keys } = shape.select?.(value) ?? shape;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    return element === undefined ? value : value.map((entry, at) => tidyKeys(element, entry, log, `${path}[${at}]`));
  }
  return keys === undefined ? value : tidyObject(keys, value as Record<string, unknown>, log, path);
}

function tidyObject(keys: Shapes, value: Record<string, unknown>, log: Log, path: string): Record<string, unknown> {
  const tidied: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(value)) {
    const where = path === '' ? key : `${path}.${key}`;
    const name = Object.hasOwn(keys, key) ? key : spelling(key, Object.keys(keys), value, where, log);
    const shape = Object.hasOwn(keys, name) ? keys[name] : undefined;
    if (!Object.hasOwn(tidied, name)) define(tidied, name, shape ? tidyKeys(shape, entry, log, where) : entry);
  }
  return tidied;
}

/** The shape's spelling of a key that it does not have as it stands. */
function spelling(key: string, known: readonly string[], value: object, where: string, log: Log): string {
  const match = known.find((name) => name.toLowerCase() === key.toLowerCase());
  if (match === undefined) {
    const near = known.find((name) => key.length >= SHORT && leven(name, key, { maxDistance: NEAR + 1 }) <= NEAR);
    if (near !== undefined) log('warn', `the key "${where}" is not known and has no effect; is "${near}" meant?`);
    return key;
  }
  if (Object.hasOwn(value, match)) {
    log('warn', `the key "${where}" has no effect beside "${match}"`);
    return key;
  }
  log('warn', `the key "${where}" is taken for "${match}"; write it so, since other plugins may not accept it`);
  return match;
}

type Shapes = NonNullable<Shape['keys']>;

/** Plain assignment would take `__proto__` for something else. */
function define(object: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}
