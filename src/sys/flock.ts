/**
 * flock(2), the lock that the reference host-local takes too, and the process that holds a lock. The kernel frees the lock
 * with the file descriptor.
 */

import { EAGAIN, EINTR } from './errno.ts';
import { readText } from './file.ts';
import { libc, SystemError } from './libc.ts';

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;

interface LockHolder {
  readonly pid: number;
  /** The command's name; undefined when the process has ended or is hidden. */
  readonly command: string | undefined;
}

/** Tries once to lock the open file exclusively. @returns false while another process holds it. @throws SystemError */
export function tryFlock(fd: number): boolean {
  try {
    libc('flock', fd, LOCK_EX | LOCK_NB);
    return true;
  } catch (error) {
    if (error instanceof SystemError && (error.errno === EAGAIN || error.errno === EINTR)) return false;
    throw error;
  }
}

/** Tries once to lock the open file together with others. @throws SystemError EAGAIN while another process has it alone */
export function shareFlock(fd: number): void {
  libc('flock', fd, LOCK_SH | LOCK_NB);
}

/** Unlocks the open file. @throws SystemError */
export function unlockFlock(fd: number): void {
  libc('flock', fd, LOCK_UN);
}

/** Finds the process that holds the flock on a file. @returns undefined where none is seen from here */
export function lockHolder(file: { readonly device: number; readonly inode: number }): LockHolder | undefined {
  const pid = parseLockHolder(readIfAny('/proc/locks') ?? '', file);
  return pid === undefined ? undefined : { pid, command: readIfAny(`/proc/${pid}/comm`)?.trim() };
}

/**
 * Reads /proc/locks (proc_locks(5)), which has lines like `1: FLOCK  ADVISORY  WRITE 1234 fd:01:98765 0 EOF`; a waiting
 * process has `->` in the second column.
 */
export function parseLockHolder(
  locks: string,
  file: { readonly device: number; readonly inode: number },
): number | undefined {
  const held = [...locks.matchAll(/^\d+: FLOCK +\S+ +\S+ +(\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) /gm)];
  const sameInode = held.filter(([, , , , inode]) => Number(inode) === file.inode);
  const [major, minor] = deviceParts(file.device);
  const exact = sameInode.find(([, , a, b]) => Number(`0x${a}`) === major && Number(`0x${b}`) === minor);
  const [only, ...others] = sameInode; // btrfs shows another device here than stat(2) does
  const line = exact ?? (others.length === 0 ? only : undefined);
  return line === undefined ? undefined : Number(line[1]);
}

/** Splits dev_t of stat(2) as glibc's gnu_dev_major and gnu_dev_minor do. */
function deviceParts(device: number): readonly [major: number, minor: number] {
  const bits = BigInt(device);
  const major = ((bits >> 8n) & 0xfffn) | ((bits >> 32n) & ~0xfffn);
  const minor = (bits & 0xffn) | ((bits >> 12n) & ~0xffn & 0xffffffffn);
  return [Number(major), Number(minor)];
}

function readIfAny(path: string): string | undefined {
  try {
    return readText(path);
  } catch {
    return undefined;
  }
}
