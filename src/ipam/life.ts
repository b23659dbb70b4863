/**
 * Whether an attachment is alive, dead or unknown. Where anything cannot be known it does not count as dead: an address
 * handed out twice is worse than one lost.
 */

import { reasonOf } from '../fault.ts';
import { statPath } from '../sys/directory.ts';
import { findNetnsInUse, type NetnsUse } from '../sys/netns.ts';
import type { Netns } from './attachment.ts';

export interface Life {
  readonly state: 'alive' | 'dead' | 'unknown';
  /** What says so, to stand behind a colon or "since". */
  readonly evidence: string;
}

export const alive = (evidence: string): Life => ({ state: 'alive', evidence });
export const dead = (evidence: string): Life => ({ state: 'dead', evidence });
export const unknown = (evidence: string): Life => ({ state: 'unknown', evidence });

/** What makes the unknown known, for an error's details. */
export const HOW_TO_KNOW =
  'Run the plugin with CAP_SYS_PTRACE, where it sees /run/netns and all processes in /proc; or release what is gone with DEL or GC.';

/**
 * Makes the check of a network namespace. It is dead when it is no longer found at its path, and no thread lives in it. /proc
 * is read once, when it is first wanted.
 */
export function createNetnsJudge(): (netns: Netns | undefined) => Life {
  let inUse: NetnsUse | undefined;
  return (netns) => {
    if (netns === undefined) return unknown('no record tells of its network namespace');
    const found = lookAt(netns);
    if (found !== 'gone') return found;
    inUse ??= findNetnsInUse();
    if (inUse.inodes.has(netns.inode)) return alive('a process lives in its network namespace');
    const what = `its network namespace is no longer at ${netns.path}`;
    if (inUse.gap === undefined) return dead(`${what}, and no process lives in it`);
    return unknown(`${what}, and what lives in it cannot be known: ${inUse.gap}`);
  };
}

/** Whether the path still leads to this netns; so it does where that cannot be known. */
export function isInPlace(netns: Netns | undefined): boolean {
  return netns === undefined || lookAt(netns) !== 'gone';
}

/** All network namespaces are files of one device (nsfs). Any other file is where a mount was, or is out of our sight. */
function lookAt({ path, device, inode }: Netns): Life | 'gone' {
  try {
    const found = statPath(path);
    if (found === undefined || (found.device === device && found.inode !== inode)) return 'gone';
    if (found.device === device) return alive(`its network namespace is at ${path}`);
    return unknown(`${path} is there, but no network namespace is seen at it`);
  } catch (error) {
    return unknown(`${path} may not be looked at: ${reasonOf(error)}`);
  }
}
