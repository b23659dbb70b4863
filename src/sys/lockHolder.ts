/** Who holds a flock(2), from /proc/locks (proc_locks(5)). */

import { readText } from './file.ts';

export interface LockHolder {
  readonly pid: number;
  /** The command's name; undefined when the process has ended or is hidden. */
  readonly command: string | undefined;
}

/** Finds the process that holds the flock on a file. @returns undefined where none is seen from here */
export function lockHolder(file: { readonly device: number; readonly inode: number }): LockHolder | undefined {
  const pid = parseLockHolder(readIfAny('/proc/locks') ?? '', file);
  return pid === undefined ? undefined : { pid, command: readIfAny(`/proc/${pid}/comm`)?.trim() };
}

/** A line is `1: FLOCK  ADVISORY  WRITE 1234 fd:01:98765 0 EOF`; those that wait have `->` in the second column. */
export function parseLockHolder(
  locks: string,
  file: { readonly device: number; readonly inode: number },
): number | undefined {
  const held = [...locks.matchAll(/^\d+: FLOCK +\S+ +\S+ +(\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) /gm)];
  const sameInode = held.filter(([, , , , inode]) => Number(inode) === file.inode);
  const [major, minor] = deviceParts(file.device);
  const exact = sameInode.find(([, , a, b]) => Number(`0x${a}`) === major && Number(`0x${b}`) === minor);
  const [only, ...others] = sameInode; // some file systems (btrfs) show another device here than stat(2) does
  const line = exact ?? (others.length === 0 ? only : undefined);
  return line === undefined ? undefined : Number(line[1]);
}

/** dev_t as stat(2) gives it, taken apart as glibc's gnu_dev_major and gnu_dev_minor do. */
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
