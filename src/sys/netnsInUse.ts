/** Which network namespaces processes live in. */

import { listDirectory, readLink } from './directory.ts';

/** The inodes of the network namespaces of all processes that this one can see (nsfs, `net:[4026531840]`). */
export function netnsInodesInUse(): ReadonlySet<number> {
  const pids = listDirectory('/proc').filter((name) => /^\d+$/.test(name));
  return new Set(pids.flatMap((pid) => netnsInodeOf(pid) ?? []));
}

function netnsInodeOf(pid: string): number | undefined {
  try {
    const inode = /^net:\[(\d+)\]$/.exec(readLink(`/proc/${pid}/ns/net`))?.[1];
    return inode === undefined ? undefined : Number(inode);
  } catch {
    return undefined; // it has ended, or is not ours to look at
  }
}
