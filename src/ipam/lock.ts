/** The lock of one network's store: host-local's own, so that both programs may work on one data directory. */

import { ignoring } from '../attempt.ts';
import { Fault } from '../fault.ts';
import { monotonicMs, sleepMs } from '../sys/clock.ts';
import { type FileStatus, statFile, statPath } from '../sys/directory.ts';
import { ENOENT } from '../sys/errno.ts';
import { closeFile, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, openFile } from '../sys/file.ts';
import { lockHolder, tryFlock } from '../sys/flock.ts';
import { effectiveUser } from '../sys/process.ts';
import { doing, ensureDirectory } from './files.ts';
import type { Host } from './host.ts';
import type { Store } from './store.ts';

const DEFAULT_DEADLINE_MS = 10_000;
const SHORTEST_SLEEP_MS = 0.3;
const LONGEST_SLEEP_MS = 5;

const WRITABLE_BY_ALL = 0o002;

/** A store whose lock this process holds. Functions that change the store take one; only `withLock` makes it. */
export interface LockedStore extends Store {
  /** The file that is locked. */
  readonly lockFile: FileStatus;
}

/**
 * Runs `act` alone. Directories are created on the way. The lock goes with the process, however it ends.
 * @throws Fault `busy` after the deadline, `io`, and whatever `act` throws
 */
export function withLock<T>(store: Store, host: Host, act: (store: LockedStore) => T): T {
  const { fd, lockFile } = acquire(store, host.lockDeadlineMs ?? DEFAULT_DEADLINE_MS);
  try {
    return act({ ...store, lockFile });
  } finally {
    closeFile(fd);
  }
}

function acquire(store: Store, deadlineMs: number): { readonly fd: number; readonly lockFile: FileStatus } {
  verifyTrusted(store);
  const giveUpAt = monotonicMs() + deadlineMs;
  for (;;) {
    const fd = openLock(store);
    try {
      waitFor(fd, store.lock, giveUpAt, deadlineMs);
      const lockFile = statFile(fd);
      if (isInPlace(lockFile, store.lock)) return { fd, lockFile };
    } catch (error) {
      closeFile(fd);
      throw error;
    }
    closeFile(fd); // the file was removed in the meantime, and the next process would lock another one
  }
}

function openLock(store: Store): number {
  const flags = O_RDONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
  const open = () => openFile(store.lock, flags, 0o600);
  const file = doing('open the lock', store.lock, () => ignoring([ENOENT], open));
  if (file !== undefined) return file;
  ensureDirectory(store.leases);
  return doing('open the lock', store.lock, open);
}

/** Polls, since a blocking flock(2) would have no deadline; the jitter keeps many waiters from waking at once. */
function waitFor(file: number, path: string, giveUpAt: number, deadlineMs: number): void {
  let longest = SHORTEST_SLEEP_MS;
  while (!doing('lock', path, () => tryFlock(file))) {
    if (monotonicMs() >= giveUpAt) throw busy(path, statFile(file), deadlineMs);
    sleepMs(longest * (0.5 + Math.random() / 2));
    longest = Math.min(longest * 2, LONGEST_SLEEP_MS);
  }
}

/** Whether the locked file is still the one at the path. */
function isInPlace(locked: FileStatus, path: string): boolean {
  const here = statPath(path);
  return here !== undefined && here.inode === locked.inode && here.device === locked.device;
}

function busy(path: string, file: FileStatus, deadlineMs: number): Fault {
  const holder = lockHolder(file);
  const who = holder === undefined ? 'a process that is not seen from here' : `process ${holder.pid}`;
  const name = holder?.command === undefined ? '' : ` (${holder.command})`;
  const message = `cannot lock ${path}: ${who}${name} holds it, waited ${deadlineMs / 1000} s`;
  return new Fault('busy', message, { details: `Try again. The lock is free as soon as ${who} goes on or ends.` });
}

/**
 * Who may put files into the data directory decides which attachment has which address. Both directories must belong to root,
 * or to the user of this process, and must not be writable by all; a group is trusted, since the owner chose it. A missing
 * directory will be made by this process. @throws Fault `io`
 */
function verifyTrusted(store: Store): void {
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

function objectionTo({ isDirectory, owner, mode }: FileStatus): string | undefined {
  if (!isDirectory) return undefined; // opening the lock below it fails, and says why
  if (mode & WRITABLE_BY_ALL)
    return `everybody may write to it (mode ${mode.toString(8)}), and so hand out its addresses`;
  if (owner === 0 || owner === effectiveUser()) return undefined;
  return `it belongs to user ${owner}, who could hand out its addresses`;
}
