/** Kernel parameters under /proc/sys/net, of the netns that the thread is in; `proc` is where they are looked up. */

import { errorCode, Fault, reasonOf } from '../fault.ts';
import { closeFile, O_RDONLY, O_WRONLY, openBelow, readWhole, writeText } from '../sys/file.ts';
import { type Proc, SHARED_PROC } from '../sys/proc.ts';

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
 * Sets a parameter unless it has that value. One that the kernel lacks is passed over.
 * @returns whether something was changed. @throws Fault `io` when it cannot be written
 */
export function ensureSysctl(name: string, value: string, proc = SHARED_PROC): boolean {
  return readSysctl(name, proc) === value ? false : writeSysctl(name, value, proc);
}

/** The same for what is better set, but not worth failing for. */
export function preferSysctl(name: string, value: string, proc = SHARED_PROC): void {
  try {
    setSysctl(name, value, proc);
  } catch {
    // It stays as it is.
  }
}

/** Sets a parameter that is not expected to have the value, without looking. @throws Fault `io` as ensureSysctl does */
export function setSysctl(name: string, value: string, proc = SHARED_PROC): void {
  try {
    writeSysctl(name, value, proc);
  } catch (error) {
    if (readSysctl(name, proc) !== value) throw error;
  }
}

function writeSysctl(name: string, value: string, proc: Proc): boolean {
  try {
    const fd = openSysctl(proc, name, O_WRONLY);
    try {
      writeText(fd, value);
    } finally {
      closeFile(fd);
    }
    return true;
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return false;
    const details = `Where /proc/sys is read-only, set net.${name.replaceAll('/', '.')} = ${value} on the node beforehand.`;
    throw new Fault('io', `cannot set ${ROOT}/${name} to ${value}: ${reasonOf(cause)}`, { cause, details });
  }
}

function openSysctl({ directory, prefix }: Proc, name: string, flags: number): number {
  return openBelow(directory, `${prefix}sys/net/${name}`, flags);
}
