/** Files, through the C library. Everything throws SystemError. */

import { runtime } from '#runtime';
import { ignoring, retrying } from '../attempt.ts';
import { EFBIG, EINTR, EINVAL, ENOENT, ENOTDIR } from './errno.ts';
import { libc, SystemError } from './libc.ts';
import { scratch } from './scratch.ts';
import { decodePieces, decodeUtf8, encodeUtf8 } from './text.ts';

/** Flags of open(2) (asm-generic/fcntl.h); every file is opened with O_CLOEXEC. */
export const O_RDONLY = 0;
export const O_WRONLY = 0o1;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
const O_NOCTTY = 0o400;
export const O_APPEND = 0o2000;
export const O_NONBLOCK = 0o4000;
const IS_ARM = runtime.arch === 'arm64'; // which has numbers of its own (asm/fcntl.h)
export const O_DIRECTORY = IS_ARM ? 0o40000 : 0o200000;
export const O_NOFOLLOW = IS_ARM ? 0o100000 : 0o400000;
const O_CLOEXEC = 0o2000000;

/** In place of an open directory: the current one (linux/fcntl.h). */
export const AT_FDCWD = -100;

/** @returns the file descriptor */
export function openFile(path: string, flags: number, mode = 0): number {
  return openBelow(AT_FDCWD, path, flags, mode);
}

/** The same for a path from an open directory. */
export function openBelow(directory: number, path: string, flags: number, mode = 0): number {
  return again(() => libc('openat', directory, cPath(path), flags | O_CLOEXEC, mode));
}

/** Closes what was read, asked or locked. Linux lets go of it whatever close(2) says, so there is nothing to tell. */
export function closeFile(fd: number): void {
  try {
    closeWritten(fd);
  } catch {
    // What was wanted of it is done.
  }
}

/** Closes what was written: only now do some file systems (NFS, quotas) say that they could not keep it. */
export function closeWritten(fd: number): void {
  libc('close', fd);
}

/** Reads what is there, at most the buffer's length. @returns how many bytes; 0 at the end */
export function readInto(fd: number, buffer: Uint8Array): number {
  return again(() => libc('read', fd, buffer, buffer.length));
}

/** Writes some of the bytes. @returns how many */
export function writeSome(fd: number, bytes: Uint8Array): number {
  return again(() => libc('write', fd, bytes, bytes.length));
}

/** Writes all of the text. @returns how many bytes it has */
export function writeText(fd: number, text: string): number {
  const bytes = encodeUtf8(text);
  for (let rest = bytes; rest.length > 0; ) rest = rest.subarray(writeSome(fd, rest));
  return bytes.length;
}

/** Cuts an open file to that many bytes. */
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

/** The same for an ordinary file or a kernel parameter, which come whole: what does not fill the buffer is all there is. */
export function readWholeText(path: string): string {
  return readAtMost(path, Number.POSITIVE_INFINITY);
}

/**
 * The same for what may have been planted: a FIFO, or whatever else has nothing to say, holds nobody up, and what is longer
 * than `most` bytes is refused with EFBIG. `flags` are further ones of open(2): O_NOFOLLOW, mostly.
 */
export function readAtMost(path: string, most: number, flags = 0): string {
  return readWhole(openFile(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | flags), most);
}

/** The same for a file that is open, and closed then. */
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

/** To the end, of which the first `length` bytes are in the buffer already. */
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

export function renameFile(from: string, to: string): void {
  libc('rename', cPath(from), cPath(to));
}

/** Gives the file a second name; refused with EEXIST where that is taken. */
export function linkFile(from: string, to: string): void {
  libc('link', cPath(from), cPath(to));
}

export function unlinkFile(path: string): void {
  libc('unlink', cPath(path));
}

/** Creates one directory; refused with EEXIST where something is in its place. */
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

/** Whether the file is on a file system of that sort (statfs(2)'s f_type, see linux/magic.h). */
export function isOnFileSystem(fd: number, magic: number): boolean {
  const status = new Uint8Array(256); // struct statfs has 120 bytes, f_type first
  libc('fstatfs', fd, status);
  return new DataView(status.buffer).getUint32(0, true) === magic;
}

/** A path as C has it. A NUL would cut it short, so it is refused. */
export function cPath(path: string): Uint8Array {
  if (path.includes('\0')) throw new SystemError('open', EINVAL);
  return encodeUtf8(`${path}\0`);
}

/** Signals may interrupt a call before it has done anything. */
function again(call: () => number): number {
  return retrying([EINTR], Number.POSITIVE_INFINITY, call);
}

/** Runs `act`; undefined where it says that there is no such file. */
export function unlessMissing<T>(act: () => T): T | undefined {
  return ignoring([ENOENT, ENOTDIR], act);
}
