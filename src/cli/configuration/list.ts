/** The structure of a configuration, as libcni reads it: a list of plugins, or a single one. */

import { verifyIdentifier } from '../../cni/environment.ts';
import { nearestOf } from '../../cni/keys.ts';
import { parseVersion } from '../../cni/versions.ts';
import { describe } from '../../schema/explain.ts';
import { isObject } from '../../schema/json.ts';
import { findProgram } from '../../sys/process.ts';
import { type Complaint, complainAt, complainOf, type Source } from './complaint.ts';
import { revaluing, strangeKeys } from './keys.ts';
import type { JsonPath } from './positions.ts';
import { knownTypes } from './types.ts';

type Json = Record<string, unknown>;

/** The keys of a list (CNI specification 1.1, section 1). */
const LIST_KEYS = [
  'cniVersion',
  'cniVersions',
  'name',
  'disableCheck',
  'disableGC',
  'loadOnlyInlinedPlugins',
  'plugins',
];

/** One plugin of the configuration: its path, and the object. */
export interface FoundPlugin {
  readonly at: JsonPath;
  readonly json: Json;
}

/** What a configuration holds, as far as it can be understood. */
interface Structure {
  readonly complaints: readonly Complaint[];
  readonly plugins: readonly FoundPlugin[];
}

/** Reads the structure. `isList` says whether a list is expected; `binDirs` are the directories of plugins, if they count. */
export function readStructure(source: Source, json: Json, isList: boolean, binDirs: readonly string[]): Structure {
  const complaints = headComplaints(source, json);
  if (!isList) {
    if (Array.isArray(json.plugins) && json.type === undefined) {
      const what =
        'it is a list, for it has "plugins", and a runtime reads a list from a file with the ending .conflist';
      return { complaints: [...complaints, complainAt(source, ['plugins'], 'error', what)], plugins: [] };
    }
    return withTypes(source, complaints, [{ at: [], json }], binDirs);
  }
  complaints.push(...strangeKeys({ source, at: [] }, json, LIST_KEYS, [], true));
  const { plugins } = json;
  if (!Array.isArray(plugins)) {
    const what = plugins === undefined ? 'plugins is missing' : `plugins: expected a list, found ${describe(plugins)}`;
    const advice = json.type === undefined ? undefined : 'A single plugin belongs into a file with the ending .conf.';
    return { complaints: [...complaints, complainAt(source, ['plugins'], 'error', what, { advice })], plugins: [] };
  }
  if (plugins.length === 0) complaints.push(complainAt(source, ['plugins'], 'error', 'plugins is empty'));
  const found = plugins.flatMap((entry: unknown, at): FoundPlugin[] => {
    if (isObject(entry)) return [{ at: ['plugins', at], json: entry }];
    const what = `plugins[${at}]: expected an object, found ${describe(entry)}`;
    complaints.push(complainAt(source, ['plugins', at], 'error', what));
    return [];
  });
  return withTypes(source, complaints, found, binDirs);
}

/** Whether the version can be used, so that complaints about plugins are not about the version again. */
export function usableVersion({ cniVersion }: Json): string {
  try {
    return parseVersion(cniVersion);
  } catch {
    return parseVersion('1.0.0');
  }
}

function headComplaints(source: Source, json: Json): Complaint[] {
  const complaints: Complaint[] = [];
  const attempt = (key: string, verify: () => unknown) => {
    try {
      verify();
    } catch (error) {
      complaints.push({ ...complainOf(source, [], error), ...placeOf(source, key) });
    }
  };
  const { name, cniVersion } = json;
  if (name === undefined) complaints.push(complainAt(source, ['name'], 'error', 'name is missing'));
  else if (typeof name !== 'string') complaints.push(wrongType(source, 'name', name));
  else attempt('name', () => verifyIdentifier('"name"', name, 'config'));
  if (cniVersion === undefined) {
    const what = 'cniVersion is missing, which means 0.1.0: without CHECK, GC and STATUS';
    complaints.push(complainAt(source, ['cniVersion'], 'warning', what, { advice: 'Write "cniVersion": "1.0.0".' }));
  } else if (typeof cniVersion !== 'string') complaints.push(wrongType(source, 'cniVersion', cniVersion));
  else attempt('cniVersion', () => parseVersion(cniVersion));
  return complaints;
}

function placeOf(source: Source, key: string): Pick<Complaint, 'line' | 'column'> {
  const { line, column } = complainAt(source, [key], 'error', '');
  return { line, column };
}

function wrongType(source: Source, key: string, value: unknown): Complaint {
  return complainAt(source, [key], 'error', `${key}: expected a string, found ${describe(value)}`);
}

function withTypes(
  source: Source,
  complaints: readonly Complaint[],
  found: readonly FoundPlugin[],
  binDirs: readonly string[],
): Structure {
  const isInstalled = (type: string) => findProgram(type, binDirs) !== undefined;
  const typed = found.flatMap(({ at, json }) => [
    ...typeComplaints(source, [...at, 'type'], json.type, 'plugin', binDirs, isInstalled),
    ...(isObject(json.ipam) && json.ipam.type !== undefined && json.ipam.type !== ''
      ? typeComplaints(source, [...at, 'ipam', 'type'], json.ipam.type, 'ipam', binDirs, isInstalled)
      : []),
  ]);
  return { complaints: [...complaints, ...typed], plugins: found };
}

function typeComplaints(
  source: Source,
  path: JsonPath,
  type: unknown,
  role: 'plugin' | 'ipam',
  binDirs: readonly string[],
  isInstalled: (type: string) => boolean,
): Complaint[] {
  if (type === undefined) return [complainAt(source, path, 'error', 'type is missing: no plugin is named')];
  const label = role === 'ipam' ? 'ipam.type' : 'type';
  if (typeof type !== 'string') return [complainAt(source, path, 'error', `${label}: expected a string`)];
  if (binDirs.length > 0 ? isInstalled(type) : knownTypes(role).includes(type)) return [];
  const meant = nearestOf(type, knownTypes(role));
  const edit = meant === undefined || meant === type ? undefined : revaluing(source, path, meant);
  const named = describe(type).replace(/^the string /, '');
  const hint = edit === undefined ? '' : `; is "${meant}" meant?`;
  if (binDirs.length > 0) {
    const what = `${label}: there is no plugin ${named} in ${binDirs.join(', ')}${hint}`;
    return [complainAt(source, path, 'error', what, { edit })];
  }
  const advice = 'With --bin-dir, the types are looked for among the executables there.';
  const what = `${label}: no plugin of the name ${named} is known${hint}`;
  return [complainAt(source, path, 'warning', what, edit === undefined ? { advice } : { edit })];
}
