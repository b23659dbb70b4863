/** The lock of one network's store: host-local's own, so that both programs may work on one data directory. */

import { errorCode, Fault } from '../fault.ts';
import { monotonicMs, sleepMs } from '../sys/clock.ts';
import { type FileStatus, statFile, statPath } from '../sys/directory.ts';
import { closeFile, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, openFile } from '../sys/file.ts';
import { lockHolder, tryFlock } from '../sys/flock.ts';
import { ensureDirectory } from './files.ts';
import type { Host } from './host.ts';
import { doing, ioFault } from './io-fault.ts';
import type { Store } from './paths.ts';
import { verifyTrusted } from './trust.ts';

const DEFAULT_DEADLINE_MS = 10_000;
const SHORTEST_SLEEP_MS = 0.3;
const LONGEST_SLEEP_MS = 5;

/**
 * Runs `act` alone. Directories are created on the way. The lock goes with the process, however it ends.
 * @throws Fault `busy` after the deadline, `io`, and whatever `act` throws
 */
export function withLock<T>(store: Store, host: Host, act: () => T): T {
  const file = acquire(store, host.lockDeadlineMs ?? DEFAULT_DEADLINE_MS);
  try {
    return act();
  } finally {
    closeFile(file);
  }
}

function acquire(store: Store, deadlineMs: number): number {
  verifyTrusted(store);
  const giveUpAt = monotonicMs() + deadlineMs;
  for (;;) {
    const file = openLock(store);
    try {
      waitFor(file, store.lock, giveUpAt, deadlineMs);
      if (isStillInPlace(file, store.lock)) return file;
    } catch (error) {
      closeFile(file);
      throw error;
    }
    closeFile(file); // somebody removed the file while we waited, and the next one would lock another
  }
}

function openLock(store: Store): number {
  const flags = O_RDONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
  try {
    return openFile(store.lock, flags, 0o600);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw ioFault('open the lock', store.lock, error);
    ensureDirectory(store.leases);
    return doing('open the lock', store.lock, () => openFile(store.lock, flags, 0o600));
  }
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

function isStillInPlace(file: number, path: string): boolean {
  const here = statPath(path);
  const locked = statFile(file);
  return here !== undefined && here.inode === locked.inode && here.device === locked.device;
}

function busy(path: string, file: FileStatus, deadlineMs: number): Fault {
  const holder = lockHolder(file);
  const who = holder === undefined ? 'a process that is not seen from here' : `process ${holder.pid}`;
  const name = holder?.command === undefined ? '' : ` (${holder.command})`;
  const message = `cannot lock ${path}: ${who}${name} holds it, waited ${deadlineMs / 1000} s`;
  return new Fault('busy', message, { details: `Try again. The lock is free as soon as ${who} goes on or ends.` });
}
