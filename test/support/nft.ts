/** The packet filter of a namespace, as `nft --json` reads it. */

import { exec, type Netns } from './netns.ts';

export interface NftObject {
  /** `table`, `chain`, `set`, `map`, `rule`, … */
  readonly kind: string;
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly body: Record<string, unknown>;
}

export interface NftElement {
  readonly family: string;
  readonly table: string;
  readonly set: string;
  /** `10.1.0.2`, `10.1.0.0/24`, `10.1.0.2-10.1.0.9`; parts of a concatenation are joined by ` . `, a map's data by ` : `. */
  readonly value: string;
  readonly comment?: string;
}

const ANCHOR = 'anchor';

/** The whole ruleset without what changes by itself (handles, counters): two of these can be compared with toEqual. */
export function nftSnapshot(ns: Netns): NftObject[] {
  const { nftables } = JSON.parse(exec(ns, ['nft', '-j', 'list', 'ruleset'])) as {
    nftables: Record<string, unknown>[];
  };
  return nftables
    .flatMap(Object.entries)
    .flatMap(([kind, body]) => (kind === 'metainfo' ? [] : [toObject(kind, body)]));
}

/** The elements of all sets and maps, or of the one named. */
export function nftElements(ns: Netns, setName?: string): NftElement[] {
  return elementsOf(nftSnapshot(ns)).filter((element) => setName === undefined || element.set === setName);
}

/** The rules, as JSON text each: for `rules(ns).some((rule) => rule.includes(…))`. */
export function nftRules(ns: Netns, table?: string): string[] {
  const rules = nftSnapshot(ns).filter((object) => object.kind === 'rule');
  return rules.filter((rule) => table === undefined || rule.table === table).map((rule) => JSON.stringify(rule.body));
}

/** The elements in a snapshot, without those that stand for no attachment and stay with their set (see `anchorsOf`). */
export function elementsOf(snapshot: readonly NftObject[]): NftElement[] {
  return allElements(snapshot).filter(({ comment }) => comment !== ANCHOR);
}

/** The elements by which an ADD sees that a set was not flushed. */
export function anchorsOf(snapshot: readonly NftObject[]): NftElement[] {
  return allElements(snapshot).filter(({ comment }) => comment === ANCHOR);
}

function allElements(snapshot: readonly NftObject[]): NftElement[] {
  return snapshot.flatMap(({ family, table, name: set, body }) =>
    (Array.isArray(body.elem) ? body.elem : []).map((raw) => ({ family, table, set, ...toElement(raw) })),
  );
}

function toObject(kind: string, raw: unknown): NftObject {
  const body = settled(raw) as Record<string, unknown>;
  const text = (key: string) => String(body[key] ?? '');
  return {
    kind,
    family: text('family'),
    table: text(kind === 'table' ? 'name' : 'table'),
    name: text(kind === 'rule' ? 'chain' : 'name'),
    body,
  };
}

/** A copy without handles and counts. */
function settled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(settled);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => !['handle', 'packets', 'bytes', 'expires'].includes(key));
  return Object.fromEntries(kept.map(([key, inner]) => [key, settled(inner)]));
}

/** An element is a value, `{elem: {val, comment}}`, or in a map a pair of such and data. */
function toElement(raw: unknown): Pick<NftElement, 'value' | 'comment'> {
  const [key, data] = Array.isArray(raw) ? raw : [raw, undefined];
  const { elem } = key as { elem?: { val: unknown; comment?: string } };
  const value = toText(elem ? elem.val : key) + (data === undefined ? '' : ` : ${toText(data)}`);
  return { value, ...(elem?.comment === undefined ? {} : { comment: elem.comment }) };
}

function toText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const { prefix, range, concat } = value as {
    prefix?: { addr: string; len: number };
    range?: unknown[];
    concat?: unknown[];
  };
  if (prefix) return `${prefix.addr}/${prefix.len}`;
  if (range) return range.map(toText).join('-');
  return concat ? concat.map(toText).join(' . ') : JSON.stringify(value);
}
