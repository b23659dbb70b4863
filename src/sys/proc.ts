/**
 * The proc file system: the mounted one, and a private mount.
 *
 * Below /proc/sys/net the dentry cache of one mount holds the entries of all network namespaces under the same names, and a
 * look-up for a fresh namespace compares them one by one (proc_sys_compare in fs/proc/proc_sysctl.c): 2 ms beside 2,000
 * containers. A private mount begins with an empty cache, costs 0.1 ms, and disappears with its descriptor.
 */

import { AT_FDCWD, closeFile, cPath } from './file.ts';
import { libc, SystemError } from './libc.ts';

/** Where paths in proc begin: an open directory (or AT_FDCWD), and a prefix. */
export interface Proc {
  readonly directory: number;
  readonly prefix: string;
}

export const SHARED_PROC: Proc = { directory: AT_FDCWD, prefix: '/proc/' };

/** System calls that glibc before 2.36 has no functions for; the same numbers on every processor (asm-generic/unistd.h). */
const SYS_FSOPEN = 430;
const SYS_FSCONFIG = 431;
const SYS_FSMOUNT = 432;
/** linux/mount.h */
const FSOPEN_CLOEXEC = 1;
const FSCONFIG_CMD_CREATE = 6;
const FSMOUNT_CLOEXEC = 1;
const NOSUID_NODEV_NOEXEC = 0x2 | 0x4 | 0x8;

/**
 * Runs `act` with a private proc mount; with the shared one where the kernel is older than 5.2, or a security module refuses
 * the mount.
 */
export function withPrivateProc<T>(act: (proc: Proc) => T): T {
  const directory = mountIfPossible();
  if (directory === undefined) return act(SHARED_PROC);
  try {
    return act({ directory, prefix: '' });
  } finally {
    closeFile(directory);
  }
}

function mountIfPossible(): number | undefined {
  try {
    return mountDetached('proc');
  } catch (error) {
    if (error instanceof SystemError) return undefined;
    throw error;
  }
}

/** Makes a mount that is attached to no path. @returns its open root. @throws SystemError */
function mountDetached(type: string): number {
  const context = syscall(SYS_FSOPEN, cPath(type), FSOPEN_CLOEXEC);
  try {
    syscall(SYS_FSCONFIG, context, FSCONFIG_CMD_CREATE);
    return syscall(SYS_FSMOUNT, context, FSMOUNT_CLOEXEC, NOSUID_NODEV_NOEXEC);
  } finally {
    closeFile(context);
  }
}

function syscall(number: number, first: number | Uint8Array, second: number, third = 0): number {
  return libc('syscall', number, first, second, third, null, 0);
}
