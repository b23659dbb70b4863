/** Taking attachments out of the store: leases first, the record last, so that a kill in between loses nothing. */

import { formatIp, type Ip } from '../address/ip.ts';
import { tolerating } from '../attempt.ts';
import { Fault, reasonOf } from '../fault.ts';
import { type Attachment, type AttachmentRecord, attachmentText } from './attachment.ts';
import { ensureDirectory, isNoFile, isThere, readIfThere, removeFile, replaceFile } from './files.ts';
import type { Host } from './host.ts';
import { isWrittenAt, isWrittenBefore, leasedIps, leaseState, leasesHeldBy, removeLease } from './lease.ts';
import { withLock } from './lock.ts';
import { readRecord, readRecords, recordedIps, removeBrokenRecords, removeRecord } from './record.ts';
import { leasePath, recordPath, type Store, storeOf } from './store.ts';

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
    tolerating(host.log, () => removeFile(store.temporary));
    if (isThere(store.own)) tolerating(host.log, () => sweepAfterBoot(store, host));
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

/**
 * Once a boot, removes the leases of earlier ones: those of records with another boot ID, and lease files without a
 * record that were last written before this boot. What lives all the same stays. The caller holds the lock. What cannot be removed is logged, and
 * tried again at the next call. @throws Fault `io` where the store cannot be read or written at all
 */
export function sweepAfterBoot(store: Store, host: Host): void {
  if (sweptIn(store) === host.bootId) return;
  ensureDirectory(store.own);
  const records = readRecords(store, host);
  const old = records.filter((record) => record.bootId !== host.bootId && host.judge(record).state === 'dead');
  const unrecorded = leasesBefore(store, host.bootedAtMs(), records);
  const outcomes = [
    ...old.map((record) => tolerating(host.log, () => removeDead(store, record, host))),
    ...unrecorded.map((ip) => tolerating(host.log, () => removeFile(leasePath(store, ip)))),
    tolerating(host.log, () => removeBrokenRecords(store)),
    tolerating(host.log, () => removeAborted(store, leasedIps(store), host)),
  ];
  tellSwept(store, host, old.length, unrecorded.length);
  if (outcomes.every(Boolean)) replaceFile(store.boot, `${host.bootId}\n`, store.temporary);
}

/** The boot in which that was done last; what stands there and is no file of ours says nothing, and is replaced. */
function sweptIn(store: Store): string | undefined {
  try {
    return readIfThere(store.boot)?.trim();
  } catch (error) {
    if (isNoFile(error)) return undefined;
    throw error;
  }
}

/** The lease files without a record that were last written before `bootedAtMs`. */
export function leasesBefore(store: Store, bootedAtMs: number, records: readonly AttachmentRecord[]): Ip[] {
  const recorded = new Set(records.flatMap(recordedIps).map(formatIp));
  return leasedIps(store).filter((ip) => !recorded.has(formatIp(ip)) && isWrittenBefore(store, ip, bootedAtMs));
}

function tellSwept(store: Store, host: Host, attachments: number, leases: number): void {
  if (attachments + leases === 0) return;
  const what = `${attachments} attachments and ${leases} leases without a record`;
  host.log('info', `released what is of an earlier boot on ${store.network}: ${what}`);
}

/**
 * Removes those of the leases that are empty and that no record claims. The caller holds the lock.
 * @returns the addresses that are free now. @throws Fault `io`
 */
export function removeAborted(store: Store, ips: readonly Ip[], host: Host): Ip[] {
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
