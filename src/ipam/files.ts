/** Files of the store: reading what may be missing, writing what must not be seen half-written, naming what failed. */

import {
  closeSync,
  futimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { errorCode, Fault, reasonOf } from '../fault.ts';

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

/** The text of a file; undefined where there is none. @throws Fault `io` */
export function readIfThere(path: string): string | undefined {
  return absentWhenMissing('read', path, () => readFileSync(path, 'utf8'));
}

/** The names in a directory, in no order; none where it is missing. @throws Fault `io` */
export function namesIn(path: string): readonly string[] {
  return absentWhenMissing('list', path, () => readdirSync(path)) ?? [];
}

/** Removes a file. @returns whether it was there. @throws Fault `io` */
export function removeFile(path: string): boolean {
  return absentWhenMissing('remove', path, () => unlinkSync(path) ?? true) ?? false;
}

/** Removes a temporary file, if it can be removed: the next one of that name takes its place in any case. */
export function discardFile(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // what matters is what came before
  }
}

/** Creates the directory and those above it. @throws Fault `io` */
export function ensureDirectory(path: string): void {
  doing('create the directory', path, () => mkdirSync(path, { recursive: true, mode: DIRECTORY_MODE }));
}

/** Puts a text in place at once: whoever looks sees the old file or the new one. @throws Fault `io` */
export function replaceFile(path: string, text: string, temporary: string): void {
  createFile(temporary, text);
  try {
    doing('write', path, () => renameSync(temporary, path));
  } catch (error) {
    discardFile(temporary);
    throw error;
  }
}

/**
 * Creates a file that nobody else looks at (the caller holds the lock), in place of one that a killed process left.
 * That one is removed rather than truncated, for it may be a second name of a lease. `mtimeMs` is its time of
 * modification, if given.
 * @throws Fault `io`, and then nothing is left
 */
export function createFile(path: string, text: string, mtimeMs?: number): void {
  doing('write', path, () => {
    const file = openExclusively(path);
    try {
      writeAndClose(file, text, mtimeMs);
    } catch (error) {
      discardFile(path);
      throw error;
    }
  });
}

function writeAndClose(file: number, text: string, mtimeMs: number | undefined): void {
  try {
    writeFileSync(file, text);
    if (mtimeMs !== undefined) futimesSync(file, mtimeMs / 1000, mtimeMs / 1000);
  } finally {
    closeSync(file);
  }
}

function openExclusively(path: string): number {
  try {
    return openSync(path, 'wx', FILE_MODE);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    unlinkSync(path);
    return openSync(path, 'wx', FILE_MODE);
  }
}

function absentWhenMissing<T>(operation: string, path: string, act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw ioFault(operation, path, error);
  }
}

/** Runs `act`; what it throws becomes a Fault `io` that names operation and path. */
export function doing<T>(operation: string, path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw ioFault(operation, path, error);
  }
}

/** What a failed file operation throws. */
export function ioFault(operation: string, path: string, cause: unknown): Fault {
  if (cause instanceof Fault) return cause;
  const code = errorCode(cause) ?? '';
  const [reason, details] = REASONS[code] ?? [plainReason(cause), 'See whether the file system is in order.'];
  return new Fault('io', `cannot ${operation} ${path}: ${reason}`, { cause, details });
}

/** Node's and Bun's messages are "CODE: reason, call 'path'". */
function plainReason(cause: unknown): string {
  const [, code, reason] = /^(E[A-Z0-9]+): ([^,]+)/.exec(reasonOf(cause)) ?? [];
  return reason === undefined ? reasonOf(cause) : `${reason} (${code})`;
}

const REASONS: Record<string, readonly [reason: string, details: string]> = {
  ENOSPC: [
    'no space left on device (ENOSPC)',
    'Free space or inodes on its file system; nothing needs repair after that.',
  ],
  EDQUOT: ['disk quota exceeded (EDQUOT)', 'Free space or raise the quota; nothing needs repair after that.'],
  EROFS: ['read-only file system (EROFS)', 'Mount it writable, or let ipam.dataDir point to a file system that is.'],
  EACCES: ['permission denied (EACCES)', 'The plugin must run as root, and root must be allowed to write there.'],
  EPERM: ['operation not permitted (EPERM)', 'The plugin must run as root; see also whether chattr made it immutable.'],
  EISDIR: ['it is a directory (EISDIR)', 'A file belongs there: move the directory away.'],
  ENOTDIR: [
    'a part of the path is not a directory (ENOTDIR)',
    'Move the file that is in the way, or correct ipam.dataDir.',
  ],
  ENAMETOOLONG: ['the name is too long (ENAMETOOLONG)', 'Shorten ipam.dataDir or the name of the network.'],
  EXDEV: ['the data directory spans two file systems (EXDEV)', 'Mount a file system at ipam.dataDir, not below it.'],
  EEXIST: ['something else is in its place (EEXIST)', 'Move it away, or correct ipam.dataDir.'],
};
