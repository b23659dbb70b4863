/** Putting files in place at once: every process sees the old file or the new one. Everything throws SystemError. */

import { collecting, ignoring } from '../attempt.ts';
import { readLink, statLink, statPath } from './directory.ts';
import { EEXIST } from './errno.ts';
import {
  closeFile,
  closeWritten,
  cPath,
  O_CREAT,
  O_EXCL,
  O_RDONLY,
  O_WRONLY,
  openFile,
  readInto,
  renameFile,
  setFileMode,
  unlinkFile,
  writeSome,
} from './file.ts';
import { libc } from './libc.ts';
import { processId } from './process.ts';
import { encodeUtf8 } from './text.ts';

/** Writes a text in place of what is there, with the mode of the file that was there. */
export function replaceText(path: string, text: string, mode = statPath(path)?.mode ?? 0o644): void {
  replaceBytes(path, encodeUtf8(text), mode);
}

/** Copies a file in place of what is there. */
export function replaceWithCopy(from: string, path: string, mode: number): void {
  replaceBytes(path, readBytes(from), mode);
}

/** Makes a symbolic link in place of what is there. */
export function replaceWithLink(target: string, path: string): void {
  inPlace(path, (temporary) => libc('symlink', cPath(target), cPath(temporary)));
}

/** The target of a symbolic link; undefined where the path is none. */
export function linkTarget(path: string): string | undefined {
  const link = statLink(path);
  return link === undefined || link.isFile || link.isDirectory ? undefined : readLink(path);
}

/** Removes an empty directory. */
export function removeDirectory(path: string): void {
  libc('rmdir', cPath(path));
}

/** All bytes of a file. */
export function readBytes(path: string): Uint8Array {
  const fd = openFile(path, O_RDONLY);
  try {
    // The host holds a file in large folios, and maps many pages at a time, where it was written by one call.
    const bytes = new Uint8Array(statPath(path)?.size ?? 0);
    for (let at = 0; at < bytes.length; ) {
      const length = readInto(fd, bytes.subarray(at));
      if (length === 0) return bytes.subarray(0, at);
      at += length;
    }
    return bytes;
  } finally {
    closeFile(fd);
  }
}

function replaceBytes(path: string, bytes: Uint8Array, mode: number): void {
  inPlace(path, (temporary) => {
    const fd = openFile(temporary, O_WRONLY | O_CREAT | O_EXCL, 0o600);
    try {
      for (let rest = bytes; rest.length > 0; ) rest = rest.subarray(writeSome(fd, rest));
    } catch (error) {
      closeFile(fd);
      throw error;
    }
    closeWritten(fd);
    // After the content, and by chmod(2), so that neither a half-written file can be run nor the umask counts.
    setFileMode(temporary, mode);
  });
}

/** For a file that has not got its name yet, the name, and the process that writes it; undefined for any other file name. */
export function writerOf(file: string): { readonly name: string; readonly pid: number } | undefined {
  const [, name, pid] = /^\.(.+)\.(\d+)$/.exec(file) ?? [];
  return name === undefined ? undefined : { name, pid: Number(pid) };
}

/** Runs `make` with a name beside the path, and renames what it made. Nothing is left where it fails. */
function inPlace(path: string, make: (temporary: string) => unknown): void {
  const slash = path.lastIndexOf('/') + 1;
  const temporary = `${path.slice(0, slash)}.${path.slice(slash)}.${processId()}`;
  try {
    if (ignoring([EEXIST], () => make(temporary) ?? true) === undefined) {
      unlinkFile(temporary);
      make(temporary);
    }
    renameFile(temporary, path);
  } catch (error) {
    collecting(() => unlinkFile(temporary));
    throw error;
  }
}
