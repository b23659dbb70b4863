/** Files, through the C library. Everything throws SystemError. */

import { runtime } from '#runtime';
import { ignoring, retrying } from '../attempt.ts';
import { EFBIG, EINTR, EINVAL, ENOENT, ENOTDIR } from './errno.ts';
import { libc, SystemError, scratch } from './libc.ts';
import { decodePieces, decodeUtf8, encodeUtf8 } from './text.ts';

/** Flags of open(2) (asm-generic/fcntl.h). Every file is opened with O_CLOEXEC. */
export const O_RDONLY = 0;
export const O_WRONLY = 0o1;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
const O_NOCTTY = 0o400;
export const O_APPEND = 0o2000;
export const O_NONBLOCK = 0o4000;
const IS_ARM = runtime.arch === 'arm64'; // arm64 has numbers of its own for the next two (asm/fcntl.h)
export const O_DIRECTORY = IS_ARM ? 0o40000 : 0o200000;
export const O_NOFOLLOW = IS_ARM ? 0o100000 : 0o400000;
const O_CLOEXEC = 0o2000000;

/** lseek(2) by its number (asm/unistd.h), and its whence (linux/fs.h). */
const SYS_LSEEK: Readonly<Record<string, number>> = { x64: 8, arm64: 62 };
const SEEK_DATA = 3;

/** Stands for the current directory where an open one is expected (linux/fcntl.h). */
export const AT_FDCWD = -100;

/** @returns the file descriptor */
export function openFile(path: string, flags: number, mode = 0): number {
  return openBelow(AT_FDCWD, path, flags, mode);
}

/** Like `openFile`, for a path relative to an open directory. */
export function openBelow(directory: number, path: string, flags: number, mode = 0): number {
  return again(() => libc('openat', directory, cPath(path), flags | O_CLOEXEC, mode));
}

/** Closes a file that was not written to. Linux releases the descriptor even where close(2) fails, so errors are ignored. */
export function closeFile(fd: number): void {
  try {
    closeWritten(fd);
  } catch {
    // The file was read; nothing can be lost.
  }
}

/** Closes a file that was written to: some file systems (NFS, quotas) report a failed write only at close(2). */
export function closeWritten(fd: number): void {
  libc('close', fd);
}

/** Reads at most as many bytes as the buffer has. @returns how many it read; 0 at the end of the file */
export function readInto(fd: number, buffer: Uint8Array): number {
  return again(() => libc('read', fd, buffer, buffer.length));
}

/**
 * Skips the records of /dev/kmsg before the last `dmesg --clear` (Documentation/ABI/testing/dev-kmsg); of a regular file nothing
 * but a hole at its beginning.
 */
export function seekPastCleared(fd: number): void {
  const number = SYS_LSEEK[runtime.arch];
  if (number !== undefined) libc('syscall', number, fd, 0, SEEK_DATA, null, 0);
}

/** Writes some of the bytes. @returns how many it wrote */
export function writeSome(fd: number, bytes: Uint8Array): number {
  return again(() => libc('write', fd, bytes, bytes.length));
}

/** Writes the whole text. @returns its length in bytes */
export function writeText(fd: number, text: string): number {
  const bytes = encodeUtf8(text);
  for (let rest = bytes; rest.length > 0; ) rest = rest.subarray(writeSome(fd, rest));
  return bytes.length;
}

/** Cuts an open file to `length` bytes. */
export function truncateFile(fd: number, length: number): void {
  libc('ftruncate', fd, length);
}

/** The whole file as text. */
export function readText(path: string): string {
  const fd = openFile(path, O_RDONLY);
  try {
    return readOn(fd, readInto(fd, scratch()), Number.POSITIVE_INFINITY);
  } finally {
    closeFile(fd);
  }
}

/** The whole of a regular file or a kernel parameter: one read(2) that does not fill the buffer has read all of it. */
export function readWholeText(path: string): string {
  return readAtMost(path, Number.POSITIVE_INFINITY);
}

/**
 * Like `readWholeText`, for a file that another user may have planted: a FIFO does not block the call, and a file of more than
 * `most` bytes is refused with EFBIG. `flags` are further flags of open(2), such as O_NOFOLLOW.
 */
export function readAtMost(path: string, most: number, flags = 0): string {
  return readWhole(openFile(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | flags), most);
}

/** Like `readWholeText`, for an open file, which it closes. */
export function readWhole(fd: number, most = Number.POSITIVE_INFINITY): string {
  try {
    const buffer = scratch();
    const length = readInto(fd, buffer);
    if (length < buffer.length) return decodeUtf8(buffer.subarray(0, length));
    return readOn(fd, length, most);
  } finally {
    closeFile(fd);
  }
}

export function renameFile(from: string, to: string): void {
  libc('rename', cPath(from), cPath(to));
}

/** Makes a hard link; refused with EEXIST where `to` exists. */
export function linkFile(from: string, to: string): void {
  libc('link', cPath(from), cPath(to));
}

export function unlinkFile(path: string): void {
  libc('unlink', cPath(path));
}

/** Sets the permission bits. */
export function setFileMode(path: string, mode: number): void {
  libc('chmod', cPath(path), mode);
}

/** Creates one directory; refused with EEXIST where the path exists. */
export function createDirectory(path: string, mode: number): void {
  libc('mkdir', cPath(path), mode);
}

/** Sets an open file's times of access and modification. */
export function setFileTime(fd: number, timeMs: number): void {
  const times = new DataView(new ArrayBuffer(32));
  for (const at of [0, 16]) {
    times.setBigInt64(at, BigInt(Math.floor(timeMs / 1000)), true);
    times.setBigInt64(at + 8, BigInt(Math.floor((timeMs % 1000) * 1e6)), true);
  }
  libc('futimens', fd, new Uint8Array(times.buffer));
}

/** A path as a C string. A NUL in it would cut it short, so it is refused. */
export function cPath(path: string): Uint8Array {
  if (path.includes('\0')) throw new SystemError('open', EINVAL);
  return encodeUtf8(`${path}\0`);
}

/** Runs `act`. @returns undefined where it fails because the file does not exist */
export function unlessMissing<T>(act: () => T): T | undefined {
  return ignoring([ENOENT, ENOTDIR], act);
}

/** Reads to the end of the file. The buffer holds the first `length` bytes already. */
function readOn(fd: number, length: number, most: number): string {
  const buffer = scratch();
  const pieces: Uint8Array[] = [];
  let total = 0;
  for (let got = length; got > 0; got = readInto(fd, buffer)) {
    total += got;
    if (total > most) throw new SystemError('read', EFBIG);
    pieces.push(buffer.slice(0, got));
  }
  return decodePieces(pieces, total);
}

/** Repeats a call as long as a signal interrupts it (EINTR). */
function again(call: () => number): number {
  return retrying([EINTR], Number.POSITIVE_INFINITY, call);
}
