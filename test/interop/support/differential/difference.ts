/** What one side has and the other has not, one line each. */

import type { Json, JsonObject } from './json.ts';

/** `path | to: theirs -> ours` of every value that differs; what is missing on one side altogether is one line. */
export function differences(theirs: Json | undefined, ours: Json | undefined, path = ''): string[] {
  if (!isBranch(theirs) || !isBranch(ours)) {
    const [left, right] = [textOf(theirs), textOf(ours)];
    return left === right ? [] : [`${path}: ${left} -> ${right}`];
  }
  const keys = [...new Set([...Object.keys(theirs), ...Object.keys(ours)])];
  return keys.flatMap((key) => differences(theirs[key], ours[key], path === '' ? key : `${path} | ${key}`));
}

/** An object or a list with something in it. */
function isBranch(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
}

function textOf(value: Json | undefined): string {
  if (value === undefined) return 'nothing';
  return isBranch(value) ? 'something' : JSON.stringify(value);
}
