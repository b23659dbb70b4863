/** Where each value and key of a JSON text stands. */

import { endOfJsonString } from '../../schema/json-flaw.ts';

/** A value, with the places of its beginning and end, in UTF-16 code units. */
export interface JsonNode {
  readonly start: number;
  end: number;
  /** The members of an object in their order, doubled keys included. */
  readonly members?: JsonMember[];
  /** The entries of a list. */
  readonly items?: JsonNode[];
}

interface JsonMember {
  readonly key: string;
  /** The key with its quotation marks. */
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly value: JsonNode;
}

/** What the path of a value leads through: keys and indices. */
export type JsonPath = readonly PropertyKey[];

const SCALAR = /[^\s,\]}]+/y;
const SPACE = /[ \t\n\r]*/y;

/**
 * The places in a text in which `findFlaw` finds nothing. Keeps the open values in a list, so that deep nesting cannot exhaust the
 * call stack.
 */
export function indexJson(text: string): JsonNode {
  const open: JsonNode[] = [];
  let member: Omit<JsonMember, 'value'> | undefined;
  let root: JsonNode | undefined;
  const add = (node: JsonNode) => {
    const parent = open.at(-1);
    root ??= node;
    parent?.items?.push(node);
    if (member !== undefined) parent?.members?.push({ ...member, value: node });
    member = undefined;
  };
  for (let at = skip(SPACE, text, 0); at < text.length; at = skip(SPACE, text, at)) {
    const found = text[at];
    if (found === '{' || found === '[') {
      const node: JsonNode = found === '{' ? { start: at, end: at, members: [] } : { start: at, end: at, items: [] };
      add(node);
      open.push(node);
      at++;
    } else if (found === '}' || found === ']') {
      at++;
      const closed = open.pop();
      if (closed !== undefined) closed.end = at;
    } else if (found === ',' || found === ':') {
      at++;
    } else {
      const end = found === '"' ? endOfJsonString(text, at) : skip(SCALAR, text, at);
      if (open.at(-1)?.members !== undefined && member === undefined) {
        member = { key: JSON.parse(text.slice(at, end)) as string, keyStart: at, keyEnd: end };
      } else add({ start: at, end });
      at = end;
    }
  }
  return root ?? { start: 0, end: 0 };
}

/**
 * Where to point for a path: the key of the last step that exists, the entry of a list, or the value that holds what is missing.
 * A key is found regardless of case, the exact one first; of doubled keys the last one counts.
 */
export function pointAt(root: JsonNode, path: JsonPath): { readonly start: number; readonly end: number } {
  let node = root;
  let point: { start: number; end: number } = root;
  for (const step of path) {
    const item = typeof step === 'number' ? node.items?.[step] : undefined;
    const member = typeof step === 'number' ? undefined : memberOf(node, String(step));
    if (item !== undefined) point = node = item;
    else if (member === undefined) return point;
    else {
      point = { start: member.keyStart, end: member.keyEnd };
      node = member.value;
    }
  }
  return point;
}

/** The value at a path; undefined where there is none. */
export function valueAt(root: JsonNode, path: JsonPath): JsonNode | undefined {
  let node: JsonNode | undefined = root;
  for (const step of path) {
    node = typeof step === 'number' ? node?.items?.[step] : node && memberOf(node, String(step))?.value;
  }
  return node;
}

function memberOf({ members = [] }: JsonNode, key: string): JsonMember | undefined {
  const lower = key.toLowerCase();
  return (
    members.findLast((member) => member.key === key) ?? members.findLast((member) => member.key.toLowerCase() === lower)
  );
}

function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at + 1;
}
