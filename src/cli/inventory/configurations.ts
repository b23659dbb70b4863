/** The network configurations of a node, read as libcni reads them. */

import { reasonOf } from '../../fault.ts';
import { isObject, parseJson } from '../../schema/json.ts';
import { describeJsonFlaw } from '../../schema/json-flaw.ts';
import { listDirectory, statPath } from '../../sys/directory.ts';
import { readWholeText, unlessMissing } from '../../sys/file.ts';

/** One plugin of a configuration. */
export interface PluginEntry {
  /** The name of the executable. */
  readonly type: string;
  readonly json: Readonly<Record<string, unknown>>;
}

/** One file of the directory. */
export interface Configuration {
  readonly file: string;
  readonly text: string;
  /** A list of plugins (`.conflist`), not a single one (`.conf`, `.json`). */
  readonly isList: boolean;
  /** Why the file is no configuration, as a clause after a colon; then the rest is empty. */
  readonly flaw?: string | undefined;
  readonly network: string;
  readonly cniVersion: string;
  readonly plugins: readonly PluginEntry[];
}

const EXTENSIONS = ['.conf', '.conflist', '.json'];

/**
 * The configurations of a directory in the order of their names, by which a runtime takes the first; none where there is no
 * such directory. @throws SystemError where it cannot be read
 */
export function readConfigurations(confDir: string): Configuration[] {
  const names = unlessMissing(() => listDirectory(confDir)) ?? [];
  const files = names.filter((name) => EXTENSIONS.some((extension) => name.endsWith(extension))).sort();
  return files
    .map((name) => `${confDir}/${name}`)
    .filter((file) => statPath(file)?.isFile)
    .map(readConfiguration);
}

/** One file. What cannot be read or understood is a configuration with a flaw. */
function readConfiguration(file: string): Configuration {
  try {
    return parseConfiguration(file, readWholeText(file));
  } catch (error) {
    return { ...EMPTY, file, isList: file.endsWith('.conflist'), flaw: reasonOf(error) };
  }
}

/** The text of a file as a configuration. */
export function parseConfiguration(file: string, text: string): Configuration {
  const isList = file.endsWith('.conflist');
  const broken = (flaw: string): Configuration => ({ ...EMPTY, file, text, isList, flaw });
  let json: unknown;
  try {
    json = parseJson(text);
  } catch (error) {
    return broken(`it is not JSON: ${describeJsonFlaw(text) ?? reasonOf(error)}`);
  }
  if (!isObject(json)) return broken('it is not a JSON object');
  const listed = isList ? json.plugins : [json];
  if (!Array.isArray(listed)) return broken('it has no list "plugins"');
  if (listed.length === 0) return broken('its list "plugins" is empty');
  const plugins = listed.filter(isObject).map((one) => ({ type: textOf(one.type), json: one }));
  if (plugins.length < listed.length) return broken('an entry of its list "plugins" is not an object');
  if (textOf(json.name) === '') return broken('it has no "name"');
  if (plugins.some(({ type }) => type === '')) return broken(isList ? 'a plugin has no "type"' : 'it has no "type"');
  return { file, text, isList, network: textOf(json.name), cniVersion: textOf(json.cniVersion), plugins };
}

const EMPTY = { text: '', network: '', cniVersion: '', plugins: [] } as const;

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
