/**
 * Taking an attachment out of the store: its leases first, its record last, so that a kill in between loses nothing.
 */

import type { Ip } from '../address/ip.ts';
import { Fault, reasonOf } from '../fault.ts';
import { type Attachment, attachmentText } from './attachment.ts';
import type { Host } from './host.ts';
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
 * Removes a dead attachment with all that it has on the node: only leases that were made together with this record, for the
 * attachment may live again by host-local's doing. The caller holds the lock. @throws Fault, and then its leases stay
 */
export function removeDead(store: Store, record: AttachmentRecord, host: Host): Ip[] {
  detach(record, record, host);
  const createdAtMs = Date.parse(record.createdAt);
  const own = recordedIps(record).filter((ip) => isWrittenAt(store, ip, createdAtMs));
  const released = own.filter((ip) => removeLease(store, ip, record));
  removeRecord(store, record);
  return released;
}

/** Removes what an attachment has on the node, while its leases keep everybody else away. @throws Fault that names it */
export function detach(attachment: Attachment, record: AttachmentRecord | undefined, host: Host): void {
  try {
    host.detach?.(attachment, record);
  } catch (cause) {
    const message = `cannot remove what ${attachmentText(record ?? attachment)} has on the node: ${reasonOf(cause)}`;
    const advice = cause instanceof Fault && cause.details !== undefined ? ` ${cause.details}` : '';
    throw new Fault(cause instanceof Fault ? cause.kind : 'kernel', message, {
      cause,
      details: `Its addresses stay leased until that is gone.${advice}`,
    });
  }
}
