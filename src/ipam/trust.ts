/** Whose the data directory is: whoever may put files into it decides who has which address. */

import { Fault } from '../fault.ts';
import { type FileStatus, statPath } from '../sys/directory.ts';
import { effectiveUser } from '../sys/process.ts';
import { doing } from './io-fault.ts';
import type { Store } from './paths.ts';

/**
 * Both must belong to root, or to whom this process runs as, and not be writable by everybody; who a group is, is left to
 * whoever gave it the directory. What is missing will be ours. @throws Fault `io`
 */
export function verifyTrusted(store: Store): void {
  verifyDirectory(store.dataDir);
  verifyDirectory(store.leases);
}

function verifyDirectory(path: string): void {
  const found = doing('look at', path, () => statPath(path));
  const objection = found && objectionTo(found);
  if (objection === undefined) return;
  throw new Fault('io', `cannot use the directory ${path}: ${objection}`, {
    details: `Remove what is in it and is not root's, then: chown root ${path}; chmod o-w ${path}`,
  });
}

const WRITABLE_BY_ALL = 0o002;

function objectionTo({ isDirectory, owner, mode }: FileStatus): string | undefined {
  if (!isDirectory) return undefined; // which is told by whoever opens it
  if (mode & WRITABLE_BY_ALL)
    return `everybody may write to it (mode ${mode.toString(8)}), and so hand out its addresses`;
  if (owner === 0 || owner === effectiveUser()) return undefined;
  return `it belongs to user ${owner}, who could hand out its addresses`;
}
