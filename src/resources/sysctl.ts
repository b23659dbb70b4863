/**
 * Kernel parameters under /proc/sys/net, of the netns that the thread is in; `proc` is where they are looked up. Where /proc/sys is
 * mounted read-only, as it is in containers, they are written through a proc mount of our own.
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
 * Sets a parameter unless it has that value. One that the kernel lacks is passed over. `beforehand` is the parameter that
 * the administrator may set instead, if that is another one: the defaults of an interface that is not there yet.
 * @returns whether something was changed. @throws Fault `io` when it cannot be written
 */
export function ensureSysctl(name: string, value: string, proc = SHARED_PROC, beforehand = name): boolean {
  return readSysctl(name, proc) === value ? false : writeSysctl(name, value, proc, beforehand);
}

/** The same for what is better set, but not worth failing for. @returns the reason where it does not have the value then */
export function preferSysctl(name: string, value: string, proc = SHARED_PROC): string | undefined {
  try {
    setSysctl(name, value, proc);
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

/** Sets a parameter that is not expected to have the value, without looking. @throws Fault `io` as ensureSysctl does */
export function setSysctl(name: string, value: string, proc = SHARED_PROC): void {
  try {
    writeSysctl(name, value, proc, name);
  } catch (error) {
    if (readSysctl(name, proc) !== value) throw error;
  }
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

/** @returns false where the kernel or a security module refuses the mount or the write */
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

export const ACCEPT_RA = (name: string) => `ipv6/conf/${name}/accept_ra`;

/**
 * Router advertisements of a container must not configure the node. Where the parameter cannot be set, the log says so: most of
 * the time forwarding is on, and with it the kernel ignores them (accept_ra=1 in ip-sysctl.rst).
 */
export function closeToAdvertisements(name: string, log: Log): void {
  const reason = preferSysctl(ACCEPT_RA(name), '0');
  if (reason !== undefined) log('warn', `cannot keep router advertisements of containers from the node: ${reason}`);
}
