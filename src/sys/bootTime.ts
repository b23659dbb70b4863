/** When this boot began, on the wall clock. */

import { readText } from './file.ts';
import { statPath } from './stat.ts';

/** Coarse file timestamps lag a few milliseconds, and a leap second may have been inserted. */
const MARGIN_MS = 2_000;

/** Made by the kernel (devtmpfs) or early by user space, stamped with the wall clock as it was then. */
const STAMPED_EARLY = ['/dev/null', '/dev/zero', '/dev', '/sys', '/run', '/proc/1'];

/**
 * A lower bound, in milliseconds since 1970: no file written in this boot has an earlier mtime.
 *
 * "Now minus uptime" alone is none: where the clock was stepped forward after the boot (NTP on a machine without a
 * battery-backed clock, a virtual machine resumed from a snapshot), files written before the step look older than that
 * boot. What the kernel stamped at boot was stamped with the same unstepped clock, so the earliest of all of them
 * holds.
 */
export function bootedAtMs(): number {
  const uptimeMs = Number(readText('/proc/uptime').split(' ')[0]) * 1000;
  return Math.min(Date.now() - uptimeMs, ...STAMPED_EARLY.map(modifiedAt)) - MARGIN_MS;
}

function modifiedAt(path: string): number {
  return statPath(path)?.mtimeMs ?? Number.POSITIVE_INFINITY;
}
