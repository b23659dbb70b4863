/** What this process has open. */

import { readdirSync, readlinkSync } from 'node:fs';

/** The open files, `NUMBER TARGET` each. */
export function openFiles(): ReadonlySet<string> {
  return new Set(readdirSync('/proc/self/fd').flatMap(describe));
}

/** Those that were not open before. That others are closed says nothing: the runtime closes its pipes when it likes. */
export function openedSince(before: ReadonlySet<string>): string[] {
  return [...openFiles()].filter((file) => !before.has(file));
}

/** Nothing for the directory that is being read just now. */
function describe(fd: string): string[] {
  try {
    const target = readlinkSync(`/proc/self/fd/${fd}`);
    return /^\/proc\/\d+\/fd$/.test(target) ? [] : [`${fd} ${target}`];
  } catch {
    return [];
  }
}
