/** What `uninstall` does with the files that `install` wrote. */

import { collecting } from '../../attempt.ts';
import { statLink } from '../../sys/directory.ts';
import { renameFile, unlessMissing, unlinkFile } from '../../sys/file.ts';
import { linkTarget, removeDirectory } from '../../sys/placement.ts';
import { isOurExecutable } from './executable.ts';
import { leftoverSteps } from './leftovers.ts';
import { type Entry, isUnchanged, type Manifest } from './manifest.ts';
import type { Step } from './step.ts';
import { UNIT_NAME } from './unit.ts';

/** Where `systemctl enable` puts its link, below the directory of units. */
const ENABLED = `multi-user.target.wants/${UNIT_NAME}`;

/** Configurations and units, which make others use the plugin. They go first. */
export function textSteps({ entries }: Manifest, force: boolean): Step[] {
  return entries.filter(({ kind }) => kind === 'text').flatMap((entry) => [...enabledSteps(entry), step(entry, force)]);
}

/** Links and executable, then the manifest, then the directories that are empty now. */
export function programSteps(manifestFile: string, { entries, directories }: Manifest, force: boolean): Step[] {
  const links = entries.filter(({ kind }) => kind === 'link');
  const executables = entries.filter(({ kind }) => kind === 'executable');
  return [
    ...[...links, ...executables].map((entry) => step(entry, force)),
    ...leftoverSteps([...entries.map(({ path }) => path), manifestFile]),
    { action: 'remove', subject: manifestFile, run: () => void unlessMissing(() => unlinkFile(manifestFile)) },
    ...[...directories].reverse().map(
      (path): Step => ({
        action: 'remove',
        subject: path,
        note: 'if it is empty',
        run: () => void collecting(() => removeDirectory(path)),
      }),
    ),
  ];
}

function step(entry: Entry, force: boolean): Step {
  const { path, backup } = entry;
  const isBackedUp = backup !== undefined && statLink(backup) !== undefined;
  const isThere = statLink(path) !== undefined;
  if (isThere && !force && !isOurs(entry)) {
    const rest = isBackedUp ? `; what was there before is ${backup}` : '';
    return { action: 'keep', subject: path, note: `it was changed since${rest}` };
  }
  if (isBackedUp) {
    return { action: 'restore', subject: path, note: `from ${backup}`, run: () => renameFile(backup, path) };
  }
  if (!isThere) return { action: 'keep', subject: path, note: 'it is gone already' };
  return { action: 'remove', subject: path, run: () => void unlessMissing(() => unlinkFile(path)) };
}

/** Touching a file, or copying another version over it by hand, does not make it another program's. */
function isOurs(entry: Entry): boolean {
  const { kind, path } = entry;
  return isUnchanged(entry) || (kind === 'executable' && linkTarget(path) === undefined && isOurExecutable(path));
}

function enabledSteps({ path }: Entry): Step[] {
  if (!path.endsWith(`/${UNIT_NAME}`)) return [];
  const enabled = `${path.slice(0, -UNIT_NAME.length)}${ENABLED}`;
  if (statLink(enabled) === undefined) return [];
  return [{ action: 'remove', subject: enabled, run: () => void unlessMissing(() => unlinkFile(enabled)) }];
}
