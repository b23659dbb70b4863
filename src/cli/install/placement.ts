/** Putting one file of ours in place, without touching what others wrote. */

import { statLink } from '../../sys/directory.ts';
import { linkFile, readWholeText } from '../../sys/file.ts';
import { linkTarget, replaceText, replaceWithCopy, replaceWithLink } from '../../sys/placement.ts';
import { isOurExecutable, isRunningVersion, RUNNING } from './executable.ts';
import { type Entry, isUnchanged, type Manifest } from './manifest.ts';
import type { Step } from './step.ts';

/** A file that is wanted. */
export type Wanted =
  | { readonly kind: 'executable'; readonly path: string }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | { readonly kind: 'text'; readonly path: string; readonly content: string };

/** The steps to a wanted file, or why it cannot be put there. */
export interface Placement {
  readonly wanted: Wanted;
  readonly steps: readonly Step[];
  /** What stands in the way, a sentence; then there are no steps. */
  readonly conflict?: string;
  /** Where that is kept which others wrote. */
  readonly backup?: string | undefined;
}

/** Behind the name of what others wrote. */
const BACKUP = '.before-trestle';

const EXECUTABLE_MODE = 0o755;
const TEXT_MODE = 0o644;

/** Plans a file. With `force`, what others wrote is kept under another name. @throws SystemError */
export function placementOf(wanted: Wanted, manifest: Manifest, force: boolean): Placement {
  const { path } = wanted;
  const entry = manifest.entries.find((one) => one.path === path);
  const kept = entry?.backup;
  if (statLink(path) === undefined) return { wanted, steps: [put(wanted)], backup: kept };
  if (isAsWanted(wanted)) {
    return { wanted, steps: [{ action: 'keep', subject: path, note: 'it is up to date' }], backup: kept };
  }
  if (isOurs(wanted, entry)) return { wanted, steps: [put(wanted, 'in place of an earlier one')], backup: kept };
  const backup = `${path}${BACKUP}`;
  if (!force) return { wanted, steps: [], conflict: `${path} is there, and "trestle install" did not write it` };
  if (statLink(backup) !== undefined) {
    return { wanted, steps: [], conflict: `${path} is not ours, and there is a ${backup} from an earlier time` };
  }
  // A second name, so that the first one is there all the time.
  const backUp: Step = { action: 'back up', subject: path, note: `as ${backup}`, run: () => linkFile(path, backup) };
  return { wanted, steps: [backUp, put(wanted, 'in place of it')], backup };
}

function isAsWanted(wanted: Wanted): boolean {
  const { path } = wanted;
  const target = linkTarget(path);
  if (wanted.kind === 'link') return target === wanted.target;
  if (target !== undefined || statLink(path)?.isFile !== true) return false;
  return wanted.kind === 'text' ? readWholeText(path) === wanted.content : isRunningVersion(path);
}

/** Whether `install` wrote what is there: by the manifest, or as it would have written it. */
function isOurs({ kind, path }: Wanted, entry: Entry | undefined): boolean {
  if (entry !== undefined && isUnchanged(entry)) return true;
  if (kind === 'executable') return linkTarget(path) === undefined && isOurExecutable(path);
  // People make such links, or copies, by hand.
  return kind === 'link' && isOurExecutable(path);
}

function put(wanted: Wanted, note?: string): Step {
  const { path } = wanted;
  switch (wanted.kind) {
    case 'executable':
      return { action: 'write', subject: path, note, run: () => replaceWithCopy(RUNNING, path, EXECUTABLE_MODE) };
    case 'link':
      return {
        action: 'link',
        subject: path,
        note: note === undefined ? `to ${wanted.target}` : `to ${wanted.target}, ${note}`,
        run: () => replaceWithLink(wanted.target, path),
      };
    case 'text':
      return { action: 'write', subject: path, note, run: () => replaceText(path, wanted.content, TEXT_MODE) };
  }
}
