/** The values that the completion of a command line proposes. */

import { attachmentsOf, listRecords, readHost, storedNetworks } from '../../ipam/index.ts';
import { silentLog } from '../../log.ts';
import { listDirectory, statPath } from '../../sys/directory.ts';
import { DEFAULT_CONF_DIR } from '../flags.ts';
import { readConfigurations } from '../inventory/configurations.ts';
import { dataDirsOf, podText } from '../inventory/inventory.ts';

/** The words of the command line that stand before the one that is completed. */
export type Words = readonly string[];

/** Proposes values that begin with `partial`. */
export type Proposal = (partial: string, words: Words) => readonly string[];

/** Names of networks: those of the configurations, and those with leases. */
export const proposeNetworks: Proposal = (_, words) => {
  const configured = readConfigurations(confDirIn(words)).map(({ network }) => network);
  const stored = dataDirsIn(words).flatMap(storedNetworks);
  return [...new Set([...configured, ...stored])].filter((name) => name !== '').sort();
};

/** What names an attachment: its container ID, and its pod. */
export const proposeThings: Proposal = (partial, words) => {
  const host = readHost(silentLog);
  const stored = dataDirsIn(words).flatMap((dataDir) =>
    storedNetworks(dataDir).map((network) => ({ dataDir, network })),
  );
  const ids = stored.flatMap(({ dataDir, network }) => attachmentsOf(dataDir, network));
  const containers = ids.map(({ containerId }) => containerId);
  // A hexadecimal beginning is no pod's, so that records need not be read.
  const isId = partial !== '' && containers.some((id) => id.startsWith(partial));
  const records = isId ? [] : stored.flatMap(({ dataDir, network }) => listRecords(dataDir, network, host));
  const pods = records.map(({ pod }) => podText(pod)).filter((name) => name !== '');
  return [...new Set([...pods, ...containers])];
};

/** Paths of files and directories; the latter end in a slash. */
export const proposePaths: Proposal = (partial) => {
  const directory = partial.slice(0, partial.lastIndexOf('/') + 1);
  const wantsHidden = partial.slice(directory.length).startsWith('.');
  const names = listDirectory(directory === '' ? '.' : directory).filter(
    (name) => wantsHidden || !name.startsWith('.'),
  );
  const paths = names.map((name) => `${directory}${name}`).filter((path) => path.startsWith(partial));
  return paths.sort().map((path) => (statPath(path)?.isDirectory ? `${path}/` : path));
};

function confDirIn(words: Words): string {
  return valuesOf('--conf-dir', words).at(-1) ?? DEFAULT_CONF_DIR;
}

function dataDirsIn(words: Words): readonly string[] {
  const given = valuesOf('--data-dir', words);
  return given.length > 0 ? given : dataDirsOf(readConfigurations(confDirIn(words)));
}

function valuesOf(flag: string, words: Words): string[] {
  return words.flatMap((word, at) => {
    if (word.startsWith(`${flag}=`)) return [word.slice(flag.length + 1)];
    const next = words[at + 1];
    return word === flag && next !== undefined ? [next] : [];
  });
}
