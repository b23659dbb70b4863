/** Reads a configuration as the runtime and the plugins would, and names everything that is wrong with it. */

import { reasonOf } from '../../fault.ts';
import { describe } from '../../schema/explain.ts';
import { isObject, parseJson } from '../../schema/json.ts';
import { findFlaw, placeAt } from '../../schema/json-flaw.ts';
import { type Complaint, inOrder, type Source } from './complaint.ts';
import { edited } from './edit.ts';
import { doubledKeys } from './keys.ts';
import { readStructure, usableVersion } from './list.ts';
import { pluginComplaints } from './plugin.ts';
import { indexJson } from './positions.ts';

/** A configuration with what is wrong with it. */
export interface Checked {
  /** Empty where it has none. */
  readonly network: string;
  /** The types of its plugins. */
  readonly types: readonly string[];
  /** In the order of the text. */
  readonly complaints: readonly Complaint[];
}

interface CheckOptions {
  /** A list of plugins is expected; undefined: what the text looks like, for a text without a file name. */
  readonly isList?: boolean | undefined;
  /** The directories in which the plugins must be; none: a type must be one of the known names. */
  readonly binDirs?: readonly string[];
}

/** The most passes of `mended`: an edit may bring a key to light whose value is misspelt, too. */
const PASSES = 10;

/** Checks the text of a configuration. Never throws for what is in the text. */
export function checkConfiguration(text: string, { isList, binDirs = [] }: CheckOptions = {}): Checked {
  const refused = (at: number, what: string): Checked => {
    return { network: '', types: [], complaints: [{ ...placeAt(text, at), severity: 'error', what }] };
  };
  if (text.trim() === '') return refused(0, 'it is empty');
  const flaw = findFlaw(text);
  if (flaw !== undefined) return refused(flaw.at, `it is not JSON: ${flaw.reason}`);
  let json: unknown;
  try {
    json = parseJson(text);
  } catch (error) {
    return refused(0, `it is not JSON: ${reasonOf(error)}`);
  }
  const source: Source = { text, root: indexJson(text) };
  if (!isObject(json)) return refused(source.root.start, `expected an object, found ${describe(json ?? null)}`);
  const structure = readStructure(source, json, isList ?? json.type === undefined, binDirs);
  const network = { name: typeof json.name === 'string' ? json.name : '', cniVersion: usableVersion(json) };
  const complaints = [
    ...doubledKeys(source),
    ...structure.complaints,
    ...structure.plugins.flatMap((plugin) => pluginComplaints(source, plugin, network)),
  ];
  const types = structure.plugins.map(({ json: { type } }) => String(type ?? ''));
  return { network: network.name, types, complaints: inOrder(complaints) };
}

/** The text with everything mended that can be. */
export function mended(text: string, options: CheckOptions = {}): string {
  let result = text;
  for (let pass = 0; pass < PASSES; pass++) {
    const edits = checkConfiguration(result, options).complaints.flatMap(({ edit }) => edit ?? []);
    if (edits.length === 0) return result;
    result = edited(result, edits);
  }
  return result;
}
