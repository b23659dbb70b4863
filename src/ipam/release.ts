/** DEL's part: the addresses are released, and the record is removed last. */

import type { Ip } from '../address/ip.ts';
import { tolerating } from '../attempt.ts';
import type { Attachment } from './attachment.ts';
import { isThere, removeFile } from './files.ts';
import type { Host } from './host.ts';
import { leasesHeldBy, removeLease } from './lease.ts';
import { type LockedStore, withLock } from './lock.ts';
import { readRecord, removeRecord } from './record.ts';
import { removeAttachment } from './removal.ts';
import { recordPath, storeOf } from './store.ts';
import { maintain } from './upkeep.ts';

/**
 * Releases what the attachment holds, if anything; only leases that are still its own. Without a record, as for an attachment
 * that host-local made, its leases are found by their content. Also removes the file that a killed process was writing.
 * @returns the addresses that were released. @throws Fault `busy`, `io`
 */
export function releaseAddresses(dataDir: string, attachment: Attachment, host: Host): readonly Ip[] {
  const there = storeOf(dataDir, attachment.network);
  const isRecorded = readRecord(there, attachment, host) !== undefined;
  const found = isRecorded ? [] : leasesHeldBy(there, attachment);
  if (found.length === 0 && !isThere(recordPath(there, attachment)) && !isThere(there.temporary)) return [];
  return withLock(there, host, (store) => {
    const released = isRecorded ? releaseRecorded(store, attachment, host) : releaseFound(store, attachment, found);
    tolerating(host.log, () => removeFile(store.temporary));
    if (isThere(store.own)) tolerating(host.log, () => maintain(store, host));
    return released;
  });
}

/** Reads the record again, now under the lock: another DEL may have come first. */
function releaseRecorded(store: LockedStore, attachment: Attachment, host: Host): Ip[] {
  const record = readRecord(store, attachment, host);
  return record === undefined ? [] : removeAttachment(store, record);
}

function releaseFound(store: LockedStore, attachment: Attachment, found: readonly Ip[]): Ip[] {
  const released = found.filter((ip) => removeLease(store, ip, attachment));
  removeRecord(store, attachment); // a broken one
  return released;
}

/**
 * Runs `act` while no other call works on the leases of the network, unless the attachment has a record by then.
 * @returns whether it ran. @throws Fault `busy`, `io`, and what `act` throws
 */
export function withoutRecord(dataDir: string, attachment: Attachment, host: Host, act: () => void): boolean {
  return withLock(storeOf(dataDir, attachment.network), host, (store) => {
    if (readRecord(store, attachment, host) !== undefined) return false;
    act();
    return true;
  });
}
