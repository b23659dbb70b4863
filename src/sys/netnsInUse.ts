/** Which network namespaces processes live in. */

import { readdirSync, readlinkSync } from 'node:fs';

/** The inodes of the network namespaces of all processes that this one can see (nsfs, `net:[4026531840]`). */
export function netnsInodesInUse(): ReadonlySet<number> {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return new Set(pids.flatMap((pid) => netnsInodeOf(pid) ?? []));
}

function netnsInodeOf(pid: string): number | undefined {
  try {
    const inode = /^net:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/ns/net`))?.[1];
    return inode === undefined ? undefined : Number(inode);
  } catch {
    return undefined; // it has ended, or is not ours to look at
  }
}
