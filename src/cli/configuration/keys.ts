/** The keys of a configuration that no reader knows, or that are spelt in another way. */

import type * as z from 'zod/mini';
import { judgeKey, nearKeyText, structureOf } from '../../cni/keys.ts';
import { pathText } from '../../schema/explain.ts';
import { isObject } from '../../schema/json.ts';
import { type Complaint, complainAt, type Source } from './complaint.ts';
import type { TextEdit } from './edit.ts';
import { type JsonPath, pointAt, valueAt } from './positions.ts';

/** Keys with values of which other programs know more keys than we do. */
const OPEN = ['args', 'runtimeConfig', 'capabilities', 'prevResult'];

/** Where the keys are: `at` is the path of the value in the file, and messages name what follows it. */
interface Region {
  readonly source: Source;
  readonly at: JsonPath;
  /** Further keys with values of which another program knows the keys. */
  readonly open: readonly string[];
}

/** Complains of each strange key of a value that a schema reads. */
export function keyComplaints(region: Region, schema: z.core.$ZodType, value: unknown): Complaint[] {
  return walk(region, schema, value, [], true);
}

/** Complains of strange keys of one object. `isClosed`: a key that is not known has no effect. */
export function strangeKeys(
  { source, at }: Pick<Region, 'source' | 'at'>,
  value: Record<string, unknown>,
  known: readonly string[],
  path: JsonPath,
  isClosed: boolean,
): Complaint[] {
  return Object.keys(value).flatMap((key): Complaint[] => {
    if (known.includes(key)) return [];
    const near = judgeKey(key, known, value);
    const where = pathText([...path, key]);
    const place = [...at, ...path, key];
    if (near !== undefined) {
      const edit = renaming(source, place, value, near.meant);
      return [complainAt(source, place, 'warning', nearKeyText({ where, key, ...near }), { edit })];
    }
    return isClosed ? [complainAt(source, place, 'warning', `the key "${where}" is not known and has no effect`)] : [];
  });
}

/** Complains of keys that stand twice in one object. */
export function doubledKeys(source: Source): Complaint[] {
  const complaints: Complaint[] = [];
  const open = [source.root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    open.push(...(node.items ?? []), ...(node.members ?? []).map(({ value }) => value));
    for (const [at, { key, keyStart }] of (node.members ?? []).entries()) {
      if (node.members?.findLastIndex((other) => other.key === key) === at) continue;
      const what = `the key "${key}" stands twice in this object, and this value has no effect`;
      const here = { text: source.text, root: { start: keyStart, end: keyStart } };
      complaints.push(complainAt(here, [], 'warning', what));
    }
  }
  return complaints;
}

/** The edit that spells a word of the file in another way. */
function respelling({ text }: Source, start: number, end: number, word: string): TextEdit | undefined {
  return text[start] === '"' ? { start, end, text: JSON.stringify(word) } : undefined;
}

/** The edit that spells the value at a path in another way. */
export function revaluing(source: Source, path: JsonPath, word: string): TextEdit | undefined {
  const node = valueAt(source.root, path);
  return node && respelling(source, node.start, node.end, word);
}

function walk(region: Region, schema: z.core.$ZodType, value: unknown, path: JsonPath, isClosed: boolean): Complaint[] {
  const { keys, element } = structureOf(schema);
  if (Array.isArray(value)) {
    if (element === undefined) return [];
    return value.flatMap((entry, at) => walk(region, element, entry, [...path, at], isClosed));
  }
  if (keys === undefined || !isObject(value)) return [];
  const known = Object.keys(keys);
  const strange = strangeKeys(region, value, known, path, isClosed);
  const inner = Object.entries(value).flatMap(([key, entry]) => {
    const name = known.find((one) => one === key) ?? known.find((one) => one.toLowerCase() === key.toLowerCase());
    const inside = name === undefined ? undefined : keys[name];
    const isInsideClosed = isClosed && ![...OPEN, ...region.open].includes(name ?? '');
    return inside === undefined ? [] : walk(region, inside, entry, [...path, key], isInsideClosed);
  });
  return [...strange, ...inner];
}

/** Undefined where the right key is there as well: the object would have it twice. */
function renaming(source: Source, path: JsonPath, siblings: object, meant: string): TextEdit | undefined {
  if (Object.hasOwn(siblings, meant)) return undefined;
  const { start, end } = pointAt(source.root, path);
  return respelling(source, start, end, meant);
}
