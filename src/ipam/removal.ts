/**
 * Taking an attachment out of the store: its leases first, its record last, so that a kill in between loses nothing.
 */

import type { Ip } from '../address/ip.ts';
import { isWrittenAt, removeLease } from './leases.ts';
import type { Store } from './paths.ts';
import { type AttachmentRecord, recordedIps } from './record.ts';
import { removeRecord } from './records.ts';

/** Removes an attachment whatever its state, as DEL and GC do. The caller holds the lock. @throws Fault `io` */
export function removeAttachment(store: Store, record: AttachmentRecord): Ip[] {
  const released = recordedIps(record).filter((ip) => removeLease(store, ip, record));
  removeRecord(store, record);
  return released;
}

/**
 * Removes a dead attachment: only leases that were made together with this record, for the attachment may live again by
 * host-local's doing. The caller holds the lock. @throws Fault `io`
 */
export function removeDead(store: Store, record: AttachmentRecord): Ip[] {
  const createdAtMs = Date.parse(record.createdAt);
  const own = recordedIps(record).filter((ip) => isWrittenAt(store, ip, createdAtMs));
  const released = own.filter((ip) => removeLease(store, ip, record));
  removeRecord(store, record);
  return released;
}
