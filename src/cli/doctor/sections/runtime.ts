/** The container runtime: which one there is, and the results that libcni keeps for it. */

import { isObject } from '../../../schema/json.ts';
import { listDirectory, statPath } from '../../../sys/directory.ts';
import { readAtMost, unlessMissing } from '../../../sys/file.ts';
import { word } from '../command-lines.ts';
import type { Examination, Finding, Section } from '../examination.ts';
import { readOwnEntries } from '../own-plugin.ts';

/** Below the directory of the cache: libcni's own, and that of runtimes which name another one. */
const PLACES = ['results', 'cache/results', 'cache'];
/** Younger ones may be of a call that is not over. */
const LEAST_AGE_MS = 60_000;
/** The most files in one command line. */
const MOST_FILES = 50;
const MOST_BYTES = 1024 * 1024;

interface Cached {
  readonly file: string;
  readonly network: string;
  readonly containerId: string;
  readonly ifName: string;
  /** The paths of network namespaces in the result. */
  readonly sandboxes: readonly string[];
}

export const runtimeSection: Section = {
  name: 'runtime',
  examine(examination) {
    const cached = cachedResults(examination.cacheDir);
    const names = examination.runtimes.map(({ name }) => name);
    const summary = `${names.join(', ') || 'none found'}; ${cached.length} results in ${examination.cacheDir}`;
    return { summary, findings: staleResults(examination, cached) };
  },
};

/** Results of attachments that are gone, on networks of ours: the DEL that was to remove them did not come. */
function staleResults(examination: Examination, cached: readonly Cached[]): Finding[] {
  if (cached.length === 0) return [];
  const { inventory } = examination;
  const configured = readOwnEntries(examination).flatMap(({ entry }) => entry?.request.network ?? []);
  const own = new Set([...inventory.networks.map(({ network }) => network), ...configured]);
  const keyOf = ({ network, containerId, ifName }: Pick<Cached, 'network' | 'containerId' | 'ifName'>) =>
    `${network} ${containerId} ${ifName}`;
  const attached = new Set(inventory.attachments.map(keyOf));
  const stale = cached.filter((one) => own.has(one.network) && !attached.has(keyOf(one)) && isSettled(one));
  const [first] = stale;
  if (first === undefined) return [];
  const count = stale.length === 1 ? '1 result is' : `${stale.length} results are`;
  return [
    {
      level: 'warning',
      code: 'results-stale',
      subject: examination.cacheDir,
      what: `${count} kept for attachments that do not exist any more`,
      evidence: `${first.file}: container ${first.containerId}, interface ${first.ifName}, has neither record nor lease on ${first.network}`,
      fix: `rm ${stale
        .slice(0, MOST_FILES)
        .map(({ file }) => word(file))
        .join(' ')}`,
      isSafe: true,
    },
  ];
}

function cachedResults(cacheDir: string): Cached[] {
  return PLACES.flatMap((place) => {
    const directory = `${cacheDir}/${place}`;
    const names = statPath(directory)?.isDirectory ? (unlessMissing(() => listDirectory(directory)) ?? []) : [];
    return names.sort().flatMap((name) => readCached(`${directory}/${name}`) ?? []);
  });
}

/** A file of libcni's cache (`cniCacheV1`); undefined for any other. */
function readCached(file: string): Cached | undefined {
  if (statPath(file)?.isFile !== true) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(readAtMost(file, MOST_BYTES));
  } catch {
    return undefined;
  }
  if (!isObject(json) || json.kind !== 'cniCacheV1') return undefined;
  const [network, containerId, ifName] = [json.networkName, json.containerId, json.ifName];
  const isWhole = typeof network === 'string' && typeof containerId === 'string' && typeof ifName === 'string';
  return isWhole ? { file, network, containerId, ifName, sandboxes: sandboxesIn(json.result) } : undefined;
}

function sandboxesIn(result: unknown): string[] {
  const interfaces = isObject(result) && Array.isArray(result.interfaces) ? result.interfaces : [];
  return interfaces.flatMap((one: unknown) => (isObject(one) && typeof one.sandbox === 'string' ? [one.sandbox] : []));
}

/** Whether the call is long over, and the container is gone: its record alone may be lost. */
function isSettled({ file, sandboxes }: Cached): boolean {
  const status = statPath(file);
  const isOld = status !== undefined && Date.now() - status.mtimeMs > LEAST_AGE_MS;
  return isOld && !sandboxes.some((path) => path !== '' && statPath(path) !== undefined);
}
