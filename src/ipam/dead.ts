/**
 * Proof that an attachment is dead. Where there is doubt it lives: an address handed out twice is worse than one lost.
 */

import { netnsInodesInUse } from '../sys/netnsInUse.ts';
import { statPath } from '../sys/stat.ts';
import type { Netns } from './attachment.ts';
import type { AttachmentRecord } from './record.ts';

/**
 * Makes the check. An attachment is dead when it is of an earlier boot; or when its netns is no longer found at its
 * path and no process that we can see lives in it. One whose netns is not known is never dead.
 */
export function createDeathCheck(bootId: string): (record: AttachmentRecord) => boolean {
  let inUse: ReadonlySet<number> | undefined;
  return (record) => {
    if (record.bootId !== bootId) return true;
    if (record.netns === undefined || isInPlace(record.netns)) return false;
    inUse ??= netnsInodesInUse();
    return !inUse.has(record.netns.inode);
  };
}

/** Whether the path still leads to this netns; so it does where we cannot tell. */
function isInPlace(netns: Netns): boolean {
  try {
    const found = statPath(netns.path);
    return found !== undefined && found.inode === netns.inode && found.device === netns.device;
  } catch {
    return true;
  }
}
