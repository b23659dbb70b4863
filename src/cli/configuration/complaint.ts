/** What is wrong with a configuration: a place, a sentence, and the change that mends it, if one does. */

import { Fault, reasonOf } from '../../fault.ts';
import { type Place, placeAt } from '../../schema/json-flaw.ts';
import type { TextEdit } from './edit.ts';
import { type JsonNode, type JsonPath, pointAt } from './positions.ts';

/** `error`: the runtime or a plugin refuses the configuration; `warning`: something in it has no effect, or another than meant. */
type Severity = 'error' | 'warning';

export interface Complaint extends Place {
  readonly severity: Severity;
  readonly what: string;
  /** What to do; absent where the sentence says it. */
  readonly advice?: string | undefined;
  readonly edit?: TextEdit | undefined;
}

/** A configuration that is being read: its text, its values, and where they stand. */
export interface Source {
  readonly text: string;
  readonly root: JsonNode;
}

/** A complaint about the value at a path. */
export function complainAt(
  { text, root }: Source,
  path: JsonPath,
  severity: Severity,
  what: string,
  more: Pick<Complaint, 'advice' | 'edit'> = {},
): Complaint {
  return { ...placeAt(text, pointAt(root, path).start), severity, what, ...more };
}

/** What a plugin's reader throws, as a complaint. The path begins with `at`, and ends with the key that the message names. */
export function complainOf(source: Source, at: JsonPath, error: unknown): Complaint {
  const what = reasonOf(error).replace(/^cannot use (?:the configuration|the address ranges|it): /, '');
  const advice = error instanceof Fault ? error.details : undefined;
  return complainAt(source, [...at, ...pathIn(what)], 'error', what, { advice });
}

/** In the order of the text, each once. */
export function inOrder(complaints: readonly Complaint[]): Complaint[] {
  const byText = new Map(complaints.map((one) => [`${one.line} ${one.what}`, one]));
  return [...byText.values()].sort((a, b) => a.line - b.line || a.column - b.column);
}

/** The path that a message begins with, or names first: `ipam.ranges[0][0].subnet`, `bridge`. */
function pathIn(what: string): PropertyKey[] {
  const key =
    /^the configuration's "(\w+)"/.exec(what)?.[1] ??
    /^((?:ipam|vlanTrunk)(?:\.\w+|\[\d+\])+)/.exec(what)?.[1] ??
    /^(\w+)(?=[: ])/.exec(what)?.[1] ??
    '';
  const steps = key.match(/\w+/g) ?? [];
  return steps.map((step) => (/^\d+$/.test(step) ? Number(step) : step));
}
