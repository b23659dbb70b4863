/**
 * The proc file system: as it is mounted, and as nobody else sees it.
 *
 * Below /proc/sys/net the kernel keeps the entries of all network namespaces in one directory, under the same names; finding
 * those of a fresh namespace passes all others (proc_sys_compare in fs/proc/proc_sysctl.c). Beside 2,000 containers that
 * takes two milliseconds. A mount of one's own begins empty, costs a tenth of one, and is gone with its descriptor.
 */

import { AT_FDCWD, closeFile, cPath } from './file.ts';
import { libc, SystemError } from './libc.ts';

/** Where paths in proc begin: at a directory, open or the current one, with a prefix. */
export interface Proc {
  readonly directory: number;
  readonly prefix: string;
}

export const SHARED_PROC: Proc = { directory: AT_FDCWD, prefix: '/proc/' };

/** Numbers on every processor (asm-generic/unistd.h): C libraries before 2.36 have no functions for them. */
const SYS_FSOPEN = 430;
const SYS_FSCONFIG = 431;
const SYS_FSMOUNT = 432;
/** linux/mount.h */
const FSOPEN_CLOEXEC = 1;
const FSCONFIG_CMD_CREATE = 6;
const FSMOUNT_CLOEXEC = 1;
const NOSUID_NODEV_NOEXEC = 0x2 | 0x4 | 0x8;

/** Runs `act` with a proc of its own; with the shared one where the kernel (before 5.2) or somebody's rules refuse that. */
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

/** Mounts a file system nowhere. @returns its root, open. @throws SystemError */
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
