/** Time, and the boot of the machine. Sleeping blocks the thread, since the plugin path is synchronous. */

import { runtime } from '#runtime';
import { Fault } from '../fault.ts';
import { statPath } from './directory.ts';
import { readText, readWholeText } from './file.ts';

const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/** Coarse file timestamps lag a few milliseconds, and a leap second may have been inserted. */
const MARGIN_MS = 2_000;

/** The kernel (devtmpfs) or early user space creates these, and their mtime is the wall clock of that moment. */
const STAMPED_EARLY = ['/dev/null', '/dev/zero', '/dev', '/sys', '/run', '/proc/1'];

/** Milliseconds of a clock that never jumps, from an arbitrary start. */
export function monotonicMs(): number {
  return runtime.monotonicMs();
}

/** Blocks the thread. */
export function sleepMs(duration: number): void {
  runtime.sleepMs(duration);
}

/**
 * The kernel's random ID of this boot. No netns and no process outlives a boot. An empty file mounted over that of /proc would
 * make every lease look like one of another boot, so it is refused. @throws Fault `io` where the file holds no ID, SystemError
 */
export function bootId(): string {
  const id = readWholeText(BOOT_ID).trim();
  if (/^[0-9a-f-]{36}$/.test(id)) return id;
  throw new Fault('io', `cannot tell which boot this is: ${BOOT_ID} holds no ID`, {
    details: 'Something is mounted over it. Without it, leases of an earlier boot cannot be told from those in use.',
  });
}

/**
 * A lower bound of the mtime of every file that was written in this boot, in milliseconds since 1970.
 *
 * "Now minus uptime" is too late where the clock was stepped forward after the boot (NTP on a machine without a
 * battery-backed clock, a virtual machine resumed from a snapshot): files written before the step look older. The files of
 * STAMPED_EARLY have the unstepped clock's time, so the earliest of all these times is a lower bound.
 */
export function bootedAtMs(): number {
  const uptimeMs = Number(readText('/proc/uptime').split(' ')[0]) * 1000;
  return Math.min(Date.now() - uptimeMs, ...STAMPED_EARLY.map(modifiedAt)) - MARGIN_MS;
}

function modifiedAt(path: string): number {
  return statPath(path)?.mtimeMs ?? Number.POSITIVE_INFINITY;
}
