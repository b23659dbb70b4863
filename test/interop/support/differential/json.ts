/** JSON as the tools print it, made comparable: sets instead of lists, without what passes. */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = Readonly<Record<string, Json>>;

/** Indices, timers, MACs in yet another form, and what the kernel makes of a carrier or an address some time later. */
const PASSING =
  /^(ifindex|link|link_index|operstate|qdisc|.*_timer|tentative|expires|bridge_id|root_id|designated_\w+)$/;
const PASSING_FLAGS = ['NO-CARRIER', 'M-DOWN', 'linkdown'];
/** How long an address is valid: all of them for ever. */
const FOREVER = /^(valid|preferred)_life_time$/;

/** Without what passes, and with each list of words as a set. */
export function lasting(value: Json): Json {
  if (isList(value)) return lastingList(value);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => !PASSING.test(key) && !FOREVER.test(key));
  return Object.fromEntries(kept.map(([key, entry]) => [key, lasting(entry)]));
}

function lastingList(list: readonly Json[]): Json {
  if (list.length === 0 || !list.every((entry) => typeof entry === 'string')) return list.map(lasting);
  return Object.fromEntries(list.filter((word) => !PASSING_FLAGS.includes(word)).map((word) => [word, true]));
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

export function byName(entries: readonly JsonObject[] = [], contentOf: (entry: JsonObject) => JsonObject): JsonObject {
  return filled(Object.fromEntries(entries.map((entry) => [String(entry.ifname), contentOf(entry)])));
}

/** A set: each entry is its own key. */
export function byText(entries: readonly JsonObject[] = []): JsonObject {
  return Object.fromEntries(entries.map((entry) => [textOf(entry), true]));
}

/** Without what is empty. */
export function filled(object: Readonly<Record<string, JsonObject>>): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => Object.keys(value).length > 0));
}

/** `dst:10.1.0.0/24 dev:eth0 …`, without what is empty. */
function textOf(entry: JsonObject): string {
  const said = Object.entries(entry).filter(([, value]) => !['[]', '{}'].includes(JSON.stringify(value)));
  return said.map(([key, value]) => `${key}:${typeof value === 'string' ? value : JSON.stringify(value)}`).join(' ');
}
