/** DEL's part: the addresses go back, and the record goes last. */

import type { Ip } from '../address/ip.ts';
import type { Attachment } from './attachment.ts';
import { sweepAfterBoot } from './boot.ts';
import { tolerate } from './failures.ts';
import { isThere, removeFile } from './files.ts';
import type { Host } from './host.ts';
import { leasesHeldBy, removeLease } from './leases.ts';
import { withLock } from './lock.ts';
import { recordPath, type Store, storeOf } from './paths.ts';
import { readRecord, removeRecord } from './records.ts';
import { removeAttachment } from './removal.ts';

/**
 * Releases what the attachment holds; nothing is no error. Only leases that are still its own are removed. Where it has
 * no record, as with those that host-local made, its leases are found by their content. What a killed process was
 * writing goes too.
 * @returns the addresses that were released. @throws Fault `busy`, `io`
 */
export function releaseAddresses(dataDir: string, attachment: Attachment, host: Host): readonly Ip[] {
  const store = storeOf(dataDir, attachment.network);
  const isRecorded = readRecord(store, attachment, host) !== undefined;
  const found = isRecorded ? [] : leasesHeldBy(store, attachment);
  if (found.length === 0 && !isThere(recordPath(store, attachment)) && !isThere(store.temporary)) return [];
  return withLock(store, host, () => {
    const released = isRecorded ? releaseRecorded(store, attachment, host) : releaseFound(store, attachment, found);
    tolerate(host, () => removeFile(store.temporary));
    if (isThere(store.own)) tolerate(host, () => sweepAfterBoot(store, host));
    return released;
  });
}

/** Reads the record again, now alone: another DEL may have come first. */
function releaseRecorded(store: Store, attachment: Attachment, host: Host): Ip[] {
  const record = readRecord(store, attachment, host);
  return record === undefined ? [] : removeAttachment(store, record);
}

function releaseFound(store: Store, attachment: Attachment, found: readonly Ip[]): Ip[] {
  const released = found.filter((ip) => removeLease(store, ip, attachment));
  removeRecord(store, attachment); // a broken one
  return released;
}
