/** What has happened to the store since the last call: the machine booted. */

import { formatIp, type Ip } from '../address/ip.ts';
import { tolerating } from '../attempt.ts';
import type { AttachmentRecord } from './attachment.ts';
import { ensureDirectory, isNoFile, readIfThere, removeFile, replaceFile } from './files.ts';
import type { Host } from './host.ts';
import { isWrittenBefore, leasedIps } from './lease.ts';
import type { LockedStore } from './lock.ts';
import { readRecords, recordedIps, removeBrokenRecords } from './record.ts';
import { removeAborted, removeDead } from './removal.ts';
import { leasePath, type Store } from './store.ts';

/**
 * Once a boot, removes the leases of earlier ones: those of records with another boot ID, and lease files without a
 * record that were last written before this boot. What lives all the same stays. What cannot be removed is logged, and tried
 * again at the next call. @throws Fault `io` where the store cannot be read or written at all
 */
export function maintain(store: LockedStore, host: Host): void {
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
