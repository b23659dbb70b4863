/**
 * Kernel parameters under /proc/sys/net, of the netns that the thread is in, looked up in the proc file system `proc`. Where
 * /proc/sys is mounted read-only, as it is in containers, they are written through a proc mount of our own.
 */

import { errorCode, Fault, reasonOf } from '../fault.ts';
import type { Log } from '../log.ts';
import { closeFile, O_RDONLY, O_WRONLY, openBelow, readWhole, writeText } from '../sys/file.ts';
import { type Proc, SHARED_PROC, withPrivateProc } from '../sys/proc.ts';

const ROOT = '/proc/sys/net';

/** @returns undefined where the kernel has no such parameter. @throws Fault `io` */
export function readSysctl(name: string, proc = SHARED_PROC): string | undefined {
  try {
    return readWhole(openSysctl(proc, name, O_RDONLY)).trim();
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return undefined;
    throw new Fault('io', `cannot read ${ROOT}/${name}: ${reasonOf(cause)}`, { cause });
  }
}

/**
 * Sets a parameter unless it has that value. A parameter that the kernel lacks is ignored. `beforehand` is the parameter for
 * the administrator to set, if another one serves: the defaults of an interface that is not there yet.
 * @returns whether something was changed. @throws Fault `io` when it cannot be written
 */
export function ensureSysctl(name: string, value: string, proc = SHARED_PROC, beforehand = name): boolean {
  return readSysctl(name, proc) === value ? false : writeSysctl(name, value, proc, beforehand);
}

/**
 * Sets a parameter that is worth setting, but not worth a failure. @returns the reason where it does not have the value
 * afterwards
 */
export function preferSysctl(name: string, value: string, proc = SHARED_PROC): string | undefined {
  try {
    setSysctl(name, value, proc);
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

/**
 * Sets a parameter that is not expected to have the value, without reading it first. @throws Fault `io` as `ensureSysctl` does
 */
export function setSysctl(name: string, value: string, proc = SHARED_PROC): void {
  try {
    writeSysctl(name, value, proc, name);
  } catch (error) {
    if (readSysctl(name, proc) !== value) throw error;
  }
}

/** The parameter that says whether a link takes router advertisements. */
export function acceptRaSysctl(link: string): string {
  return `ipv6/conf/${link}/accept_ra`;
}

/**
 * Keeps router advertisements of containers from configuring the node. Where the parameter cannot be set, the log says so:
 * mostly forwarding is on, and then the kernel ignores them with accept_ra=1 (ip-sysctl.rst).
 */
export function closeToAdvertisements(name: string, log: Log): void {
  const reason = preferSysctl(acceptRaSysctl(name), '0');
  if (reason !== undefined) log('warn', `cannot keep router advertisements of containers from the node: ${reason}`);
}

function writeSysctl(name: string, value: string, proc: Proc, beforehand: string): boolean {
  try {
    write(name, value, proc);
    return true;
  } catch (cause) {
    const code = errorCode(cause);
    if (code === 'ENOENT') return false;
    if (code === 'EROFS' && proc === SHARED_PROC && isWrittenPrivately(name, value)) return true;
    const details = `Where /proc/sys is read-only, set net.${beforehand.replaceAll('/', '.')} = ${value} on the node beforehand.`;
    throw new Fault('io', `cannot set ${ROOT}/${name} to ${value}: ${reasonOf(cause)}`, { cause, details });
  }
}

/** Writes through a private proc mount. @returns false where the kernel or a security module refuses the mount or the write */
function isWrittenPrivately(name: string, value: string): boolean {
  return withPrivateProc((proc) => {
    if (proc === SHARED_PROC) return false;
    try {
      write(name, value, proc);
      return true;
    } catch {
      return false;
    }
  });
}

function write(name: string, value: string, proc: Proc): void {
  const fd = openSysctl(proc, name, O_WRONLY);
  try {
    writeText(fd, value);
  } finally {
    closeFile(fd);
  }
}

function openSysctl({ directory, prefix }: Proc, name: string, flags: number): number {
  return openBelow(directory, `${prefix}sys/net/${name}`, flags);
}
