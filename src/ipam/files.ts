/** Files of the store: reading what may be missing, writing what must not be seen half-written. */

import { errorCode, Fault } from '../fault.ts';
import { listDirectory, statFile, statLink, statPath } from '../sys/directory.ts';
import * as file from '../sys/file.ts';
import { doing, ioFault } from './io-fault.ts';

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

/** A record has some hundred bytes; CNI_ARGS, of which it keeps what names the pod, at most 128 KiB. */
const MOST_BYTES = 1024 * 1024;

/** The text of a file of ours, which is no link; undefined where there is none. @throws Fault `io` */
export function readIfThere(path: string): string | undefined {
  return absentWhenMissing('read', path, () => file.readAtMost(path, MOST_BYTES, file.O_NOFOLLOW));
}

/** The text of a file that somebody named, which may be a link; undefined where there is none. @throws Fault `io` */
export function readNamed(path: string): string | undefined {
  return absentWhenMissing('read', path, () => file.readAtMost(path, MOST_BYTES));
}

/** Whether reading failed because there is something else than a file of ours in its place. */
export function isNoFile(error: unknown): boolean {
  return error instanceof Fault && NO_FILE.includes(errorCode(error.cause) ?? '');
}

/** A directory, a link, a socket, a FIFO that somebody holds open, a device, a file that was never ours. */
const NO_FILE = ['EISDIR', 'ELOOP', 'ENXIO', 'EAGAIN', 'ENODEV', 'EFBIG'];

/** The names in a directory, in no order; none where it is missing. @throws Fault `io` */
export function namesIn(path: string): readonly string[] {
  return absentWhenMissing('list', path, () => listDirectory(path)) ?? [];
}

/** Removes a file. @returns whether it was there. @throws Fault `io` */
export function removeFile(path: string): boolean {
  return absentWhenMissing('remove', path, () => file.unlinkFile(path) ?? true) ?? false;
}

/** Removes a temporary file, if it can be removed: the next one of that name takes its place in any case. */
export function discardFile(path: string): void {
  try {
    file.unlinkFile(path);
  } catch {
    // what matters is what came before
  }
}

/** Whether something stands under that name. @throws Fault `io` */
export function isThere(path: string): boolean {
  return doing('look at', path, () => statLink(path)) !== undefined;
}

/** Creates the directory and those above it. @throws Fault `io` */
export function ensureDirectory(path: string): void {
  doing('create the directory', path, () => createMissing(path));
}

/** From below: mostly only the last part is missing. */
function createMissing(path: string): void {
  try {
    file.createDirectory(path, DIRECTORY_MODE);
  } catch (error) {
    const parent = path.slice(0, path.lastIndexOf('/'));
    if (errorCode(error) === 'ENOENT' && parent !== '') {
      createMissing(parent);
      createMissing(path);
    } else if (errorCode(error) !== 'EEXIST' || statPath(path)?.isDirectory !== true) throw error;
  }
}

/**
 * Writes a file in place; for what may be lost. It is cut afterwards and only where it was longer: truncating it first
 * would have ext4 write it to the disk when it is closed (auto_da_alloc), which takes 0.3 ms. What is no file, or has
 * another name as well, is not written to but replaced. @throws Fault `io`
 */
export function overwriteFile(path: string, text: string): void {
  if (!doing('write', path, () => writeInPlace(path, text))) createFile(path, text);
}

/** @returns false where something else stands there, which is left as it is */
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

/** @returns undefined for a link (ELOOP), and for a FIFO that nobody reads or a socket (ENXIO) */
function openPlain(path: string): number | undefined {
  const flags = file.O_WRONLY | file.O_CREAT | file.O_NOFOLLOW | file.O_NONBLOCK;
  try {
    return file.openFile(path, flags, FILE_MODE);
  } catch (error) {
    if (errorCode(error) === 'ELOOP' || errorCode(error) === 'ENXIO') return undefined;
    throw error;
  }
}

/** Puts a text in place at once: whoever looks sees the old file or the new one. @throws Fault `io` */
export function replaceFile(path: string, text: string, temporary: string): void {
  createFile(temporary, text);
  try {
    doing('write', path, () => file.renameFile(temporary, path));
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
  try {
    return file.openFile(path, flags, FILE_MODE);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    file.unlinkFile(path);
    return file.openFile(path, flags, FILE_MODE);
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
