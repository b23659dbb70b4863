/** Files of the store: reading what may be missing, writing what no process may see half-written. */

import { collecting, hasErrno, ignoring } from '../attempt.ts';
import { errorCode, Fault, reasonOf } from '../fault.ts';
import { listDirectory, statFile, statLink, statPath } from '../sys/directory.ts';
import { EAGAIN, EEXIST, EFBIG, EISDIR, ELOOP, ENODEV, ENOENT, ENOTDIR, ENXIO, errnoText } from '../sys/errno.ts';
import * as file from '../sys/file.ts';
import { SystemError } from '../sys/libc.ts';

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

/** A record has some hundred bytes; CNI_ARGS, of which it keeps what names the pod, at most 128 KiB. */
const MOST_BYTES = 1024 * 1024;

/**
 * The errors of opening what is no file of ours: a directory, a link, a socket, a FIFO that a process holds open, a device, a
 * large file.
 */
const NO_FILE = [EISDIR, ELOOP, ENXIO, EAGAIN, ENODEV, EFBIG];

/** The text of a file of ours, which is no link; undefined where there is none. @throws Fault `io` */
export function readIfThere(path: string): string | undefined {
  return absentWhenMissing('read', path, () => file.readAtMost(path, MOST_BYTES, file.O_NOFOLLOW));
}

/** The text of a file that the configuration names, which may be a link; undefined where there is none. @throws Fault `io` */
export function readNamed(path: string): string | undefined {
  return absentWhenMissing('read', path, () => file.readAtMost(path, MOST_BYTES));
}

/** Whether reading failed because something other than a file of ours is in its place. */
export function isNoFile(error: unknown): boolean {
  return error instanceof Fault && hasErrno(error.cause, NO_FILE);
}

/** The names in a directory, in no order; none where it is missing. @throws Fault `io` */
export function namesIn(path: string): readonly string[] {
  return absentWhenMissing('list', path, () => listDirectory(path)) ?? [];
}

/** Removes a file. @returns whether it was there. @throws Fault `io` */
export function removeFile(path: string): boolean {
  return absentWhenMissing('remove', path, () => file.unlinkFile(path) ?? true) ?? false;
}

/** Removes a temporary file; an error is ignored, since the next file of that name replaces it in any case. */
export function discardFile(path: string): void {
  collecting(() => file.unlinkFile(path));
}

/** Whether something stands under that name. @throws Fault `io` */
export function isThere(path: string): boolean {
  return doing('look at', path, () => statLink(path)) !== undefined;
}

/** Creates the directory and those above it. @throws Fault `io` */
export function ensureDirectory(path: string): void {
  doing('create the directory', path, () => createMissing(path));
}

/**
 * Writes a file in place, where a loss does no harm. It is cut afterwards, and only where it was longer: truncating it first
 * would have ext4 write it to the disk when it is closed (auto_da_alloc), which takes 0.3 ms. What is no file, or has another
 * name as well, is replaced. @throws Fault `io`
 */
export function overwriteFile(path: string, text: string): void {
  if (!doing('write', path, () => writeInPlace(path, text))) createFile(path, text);
}

/** Puts a text in place at once: every process sees the old file or the new one. @throws Fault `io` */
export function replaceFile(path: string, text: string, temporary: string, mtimeMs?: number): void {
  createFile(temporary, text, mtimeMs);
  try {
    doing('write', path, () => file.renameFile(temporary, path));
  } catch (error) {
    discardFile(temporary);
    throw error;
  }
}

/**
 * Creates a file that no other process looks at, in place of one that a killed process left. The old one is removed rather
 * than truncated, for it may be a second name of a lease. `mtimeMs` is the time of modification, if given.
 * @throws Fault `io`, and then nothing is left
 */
export function createFile(path: string, text: string, mtimeMs?: number): void {
  doing('write', path, () => {
    const fd = openExclusively(path);
    try {
      writeAndClose(fd, () => {
        file.writeText(fd, text);
        if (mtimeMs !== undefined) file.setFileTime(fd, mtimeMs);
      });
    } catch (error) {
      discardFile(path);
      throw error;
    }
  });
}

/** Creates an empty file. @returns whether there was none of that name. @throws Fault `io` */
export function createEmpty(path: string): boolean {
  const open = () => file.openFile(path, file.O_WRONLY | file.O_CREAT | file.O_EXCL, FILE_MODE);
  const fd = doing('create', path, () => ignoring([EEXIST], open));
  if (fd === undefined) return false;
  file.closeFile(fd);
  return true;
}

/** Runs `act`; what it throws becomes a Fault `io` that names operation and path. */
export function doing<T>(operation: string, path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw ioFault(operation, path, error);
  }
}

/** Tries the last directory first, since mostly that alone is missing. */
function createMissing(path: string): void {
  try {
    file.createDirectory(path, DIRECTORY_MODE);
  } catch (error) {
    const parent = path.slice(0, path.lastIndexOf('/'));
    if (hasErrno(error, [ENOENT]) && parent !== '') {
      createMissing(parent);
      createMissing(path);
    } else if (!hasErrno(error, [EEXIST]) || statPath(path)?.isDirectory !== true) throw error;
  }
}

/** @returns false where something other than our file stands there, which is left as it is */
function writeInPlace(path: string, text: string): boolean {
  const fd = openPlain(path);
  if (fd === undefined) return false;
  return writeAndClose(fd, () => {
    const { isFile, names, size } = statFile(fd);
    if (!isFile || names > 1) return false;
    const length = file.writeText(fd, text);
    if (size > length) file.truncateFile(fd, length);
    return true;
  });
}

/** @returns undefined for a link (ELOOP), and for a FIFO without a reader or a socket (ENXIO) */
function openPlain(path: string): number | undefined {
  const flags = file.O_WRONLY | file.O_CREAT | file.O_NOFOLLOW | file.O_NONBLOCK;
  return ignoring([ELOOP, ENXIO], () => file.openFile(path, flags, FILE_MODE));
}

function writeAndClose<T>(fd: number, write: () => T): T {
  const result = closingOnFailure(fd, write);
  file.closeWritten(fd);
  return result;
}

function closingOnFailure<T>(fd: number, write: () => T): T {
  try {
    return write();
  } catch (error) {
    file.closeFile(fd);
    throw error;
  }
}

function openExclusively(path: string): number {
  const flags = file.O_WRONLY | file.O_CREAT | file.O_EXCL;
  const open = () => file.openFile(path, flags, FILE_MODE);
  const fd = ignoring([EEXIST], open);
  if (fd !== undefined) return fd;
  file.unlinkFile(path);
  return open();
}

function absentWhenMissing<T>(operation: string, path: string, act: () => T): T | undefined {
  return doing(operation, path, () => ignoring([ENOENT, ENOTDIR], act));
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
  EINVAL: [
    'invalid argument (EINVAL)',
    'A file system that allows no colon in a name (FAT) cannot hold the data directory: let ipam.dataDir point to another one.',
  ],
  EISDIR: ['it is a directory (EISDIR)', 'A file belongs there: move the directory away.'],
  ENOTDIR: [
    'a part of the path is not a directory (ENOTDIR)',
    'Move the file that is in the way, or correct ipam.dataDir.',
  ],
  ENAMETOOLONG: ['the name is too long (ENAMETOOLONG)', 'Shorten ipam.dataDir or the name of the network.'],
  EXDEV: ['the data directory spans two file systems (EXDEV)', 'Mount a file system at ipam.dataDir, not below it.'],
  ELOOP: ['a symbolic link is in its place (ELOOP)', 'Find out who put it there, and remove it.'],
  EFBIG: ['it is too large to be one of ours (EFBIG)', 'Find out who put it there, and remove it.'],
  EEXIST: ['something else is in its place (EEXIST)', 'Move it away, or correct ipam.dataDir.'],
};

/** The Fault of a failed file operation. */
function ioFault(operation: string, path: string, cause: unknown): Fault {
  if (cause instanceof Fault) return cause;
  const code = errorCode(cause) ?? '';
  const [reason, details] = REASONS[code] ?? [plainReason(cause), 'See whether the file system is in order.'];
  return new Fault('io', `cannot ${operation} ${path}: ${reason}`, { cause, details });
}

/** The reason alone: messages of SystemError are "call: reason (CODE)", those of node:fs "CODE: reason, call 'path'". */
function plainReason(cause: unknown): string {
  if (cause instanceof SystemError) return errnoText(cause.errno);
  const [, code, reason] = /^(E[A-Z0-9]+): ([^,]+)/.exec(reasonOf(cause)) ?? [];
  return reason === undefined ? reasonOf(cause) : `${reason} (${code})`;
}
