/** Taking an attachment out of the store: leases first, the record last, so that a kill in between loses nothing. */

import { formatIp, type Ip } from '../address/ip.ts';
import { Fault, reasonOf } from '../fault.ts';
import { type Attachment, type AttachmentRecord, attachmentText } from './attachment.ts';
import { removeFile } from './files.ts';
import type { Host } from './host.ts';
import { isHeldBy, isWrittenAt, isWrittenBefore, leaseState, readLease, removeLease } from './lease.ts';
import type { LockedStore } from './lock.ts';
import { readRecords, recordedIps, removeRecord } from './record.ts';
import { leasePath } from './store.ts';

/** Removes an attachment from the store, whatever its state, as DEL and GC do. @throws Fault `io` */
export function removeAttachment(store: LockedStore, record: AttachmentRecord): Ip[] {
  const released = recordedIps(record).filter((ip) => removeLease(store, ip, record));
  removeRecord(store, record);
  return released;
}

/**
 * Removes a dead attachment with all that it has on the node. Of its leases, those go that were made together with the record
 * or before this boot: host-local may have given the others to the same attachment since. @throws Fault, and then its leases
 * stay
 */
export function removeDead(store: LockedStore, record: AttachmentRecord, host: Host): Ip[] {
  detach(record, record, host);
  const createdAtMs = Date.parse(record.createdAt);
  const isOwn = (ip: Ip) => isWrittenAt(store, ip, createdAtMs) || isWrittenBefore(store, ip, host.bootedAtMs());
  const released = recordedIps(record).filter((ip) => isOwn(ip) && removeLease(store, ip, record));
  for (const ip of recordedIps(record)) logKept(store, ip, record, host);
  removeRecord(store, record);
  return released;
}

/**
 * Removes what an attachment has on the node. Its leases are still there, so no other attachment has its addresses.
 * @throws Fault that names the attachment
 */
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

/**
 * Removes, of the leases, the empty files that no record claims. Host-local and this program write leases under the lock, so
 * an empty file that is seen under the lock is an aborted write.
 * @returns the addresses that are free now. @throws Fault `io`
 */
export function removeAborted(store: LockedStore, ips: readonly Ip[], host: Host): Ip[] {
  const empty = ips.filter((ip) => leaseState(store, ip) === 'empty');
  if (empty.length === 0) return [];
  const claimed = new Set(readRecords(store, host).flatMap(recordedIps).map(formatIp));
  return empty.filter((ip) => {
    const isAborted = !claimed.has(formatIp(ip));
    const outcome = isAborted ? 'removed it' : 'kept it, since a record claims the address';
    host.log('warn', `the lease file ${leasePath(store, ip)} is empty: ${outcome}`);
    return isAborted && removeFile(leasePath(store, ip));
  });
}

/** Logs a warning where the attachment still holds the lease. */
function logKept(store: LockedStore, ip: Ip, record: AttachmentRecord, host: Host): void {
  if (!isHeldBy(readLease(store, ip) ?? '', record)) return;
  const reason = 'the file is of another time than the record, by host-local or by a copy without times';
  const advice = 'DEL, GC with a list, or the next boot releases it.';
  const text = `${attachmentText(record)} is dead by its record, but ${reason}. ${advice}`;
  host.log('warn', `kept the lease of ${formatIp(ip)} on ${store.network}: ${text}`);
}
