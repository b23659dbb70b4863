/** What `install` does on this node. */

import { collecting } from '../../attempt.ts';
import { Fault } from '../../fault.ts';
import { statPath } from '../../sys/directory.ts';
import { createDirectory } from '../../sys/file.ts';
import { type ConflistFlags, conflistText, saysAnything } from '../configuration/conflist.ts';
import { misuse } from '../context.ts';
import { type Configuration, readConfigurations } from '../inventory/configurations.ts';
import { leftoverSteps } from './leftovers.ts';
import { type Entry, entryOf, type Manifest, writeManifest } from './manifest.ts';
import { type Placement, placementOf, type Wanted } from './placement.ts';
import type { Step } from './step.ts';
import { UNIT_NAME, unitText } from './unit.ts';

/** The name of the executable, and the names that are links to it. */
const EXECUTABLE = 'trestle';
const LINKS = ['trestle-ipam'];
/** The reference plugins whose place this version can take. */
const REFERENCE_LINKS = ['bridge', 'host-local'];

export interface InstallOptions {
  readonly binDir: string;
  readonly confDir: string;
  readonly confFile: string;
  readonly unitDir: string;
  readonly manifestFile: string;
  readonly network: ConflistFlags;
  readonly keepConfig: boolean;
  readonly referenceNames: boolean;
  readonly systemd: boolean;
  readonly force: boolean;
}

/** The steps in order. @throws Fault `conflict` that names everything that stands in the way, of `misuse` */
export function planInstall(options: InstallOptions, manifest: Manifest): Step[] {
  const { binDir, confDir, unitDir, manifestFile, force } = options;
  const had = (path: string) => manifest.entries.some((entry) => entry.path === path);
  const names = [...LINKS, ...REFERENCE_LINKS.filter((name) => options.referenceNames || had(`${binDir}/${name}`))];
  const configuration = configurationOf(options);
  const wanted: Wanted[] = [
    { kind: 'executable', path: `${binDir}/${EXECUTABLE}` },
    ...names.map((name): Wanted => ({ kind: 'link', path: `${binDir}/${name}`, target: EXECUTABLE })),
    ...configuration.wanted,
    ...(options.systemd || had(`${unitDir}/${UNIT_NAME}`) ? [unitOf(options)] : []),
  ];
  const placements = wanted.map((one) => placementOf(one, manifest, force));
  refuseConflicts(placements);
  const parents = [...wanted.map(({ path }) => parentOf(path)), confDir, parentOf(manifestFile)];
  const directories = [...new Set(parents)].flatMap(missingAbove);
  const made = [...new Set(directories)];
  const note: Step = {
    action: 'note',
    subject: manifestFile,
    note: 'what was written, for upgrades and "trestle uninstall"',
    run: () => writeManifest(manifestFile, noted(manifest, placements, made)),
  };
  return [
    ...made.map(makeDirectory),
    ...leftoverSteps([...wanted.map(({ path }) => path), manifestFile]),
    ...placements.flatMap(({ steps }) => steps),
    ...configuration.steps,
    note,
  ];
}

/** Whether a configuration has a plugin of ours. */
export function namesTrestle({ plugins }: Configuration): boolean {
  return plugins.some(({ type }) => type === EXECUTABLE);
}

/** A configuration that is there and names the plugin is kept, unless flags ask for another one. */
function configurationOf(options: InstallOptions): { wanted: Wanted[]; steps: Step[] } {
  const { confDir, confFile, network, keepConfig } = options;
  const path = `${confDir}/${confFile}`;
  if (confFile.includes('/') || !confFile.endsWith('.conflist')) {
    throw misuse(`cannot use the name ${confFile} for a configuration list: it must end in .conflist`);
  }
  if (keepConfig && saysAnything(network)) {
    throw misuse('cannot keep the configuration and make another one', 'Leave out --keep-config, or the other flags.');
  }
  const present = readConfigurations(confDir).filter(namesTrestle);
  if (!saysAnything(network) && (keepConfig || present.length > 0)) {
    const steps = present.map(({ file }): Step => ({ action: 'keep', subject: file, note: 'it names trestle' }));
    return { wanted: [], steps };
  }
  return { wanted: [{ kind: 'text', path, content: conflistText(network) }], steps: [] };
}

function unitOf({ unitDir, binDir }: InstallOptions): Wanted {
  return { kind: 'text', path: `${unitDir}/${UNIT_NAME}`, content: unitText(binDir) };
}

function refuseConflicts(placements: readonly Placement[]): void {
  const conflicts = placements.flatMap(({ conflict }) => conflict ?? []);
  if (conflicts.length === 0) return;
  throw new Fault('conflict', `cannot install: ${conflicts.join('; ')}`, {
    details: 'Nothing was changed. With --force, what is there is kept under the name NAME.before-trestle.',
  });
}

/** What the manifest says afterwards: also of files that an earlier call wrote and this one did not touch. */
function noted(manifest: Manifest, placements: readonly Placement[], made: readonly string[]): Manifest {
  const paths = placements.map(({ wanted }) => wanted.path);
  const earlier = manifest.entries.filter(({ path }) => !paths.includes(path));
  const now = placements.map(({ wanted, backup }): Entry => entryOf(wanted.path, wanted.kind, backup));
  return { entries: [...earlier, ...now], directories: [...new Set([...manifest.directories, ...made])] };
}

/** The directories that are missing on the way to one, from above. */
function missingAbove(path: string): string[] {
  if (path === '' || statPath(path) !== undefined) return [];
  return [...missingAbove(parentOf(path)), path];
}

function makeDirectory(path: string): Step {
  return { action: 'make directory', subject: path, run: () => void collecting(() => createDirectory(path, 0o755)) };
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0));
}
