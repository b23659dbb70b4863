/** Leases of an earlier boot. No netns survives a boot, so nothing that they stood for lives. */

import { statSync } from 'node:fs';
import { formatIp, type Ip } from '../address/ip.ts';
import { Fault } from '../fault.ts';
import { removeAborted } from './aborted.ts';
import { ensureDirectory, readIfThere, removeFile, replaceFile } from './files.ts';
import type { Host } from './host.ts';
import { leasedIps, removeLease } from './lease.ts';
import { leasePath, type Store, temporaryPath } from './paths.ts';
import { type AttachmentRecord, recordedAddresses } from './record.ts';
import { readRecords, removeBrokenRecords, removeRecord } from './records.ts';

/**
 * Once a boot, removes the leases of earlier ones: those of records with another boot ID, and lease files without a
 * record that were last written before this boot. The caller holds the lock. What cannot be removed is logged, and tried
 * again at the next call. @throws Fault `io` where the store cannot be read or written at all
 */
export function sweepAfterBoot(store: Store, host: Host): void {
  if (readIfThere(store.boot)?.trim() === host.bootId) return;
  ensureDirectory(store.own);
  const records = readRecords(store, host);
  const [old, current] = [
    records.filter((r) => r.bootId !== host.bootId),
    records.filter((r) => r.bootId === host.bootId),
  ];
  const failures = [
    ...old.flatMap((record) => attempt(host, () => removeAttachment(store, record))),
    ...leasesBefore(store, host.bootedAtMs, current).flatMap((ip) => attempt(host, () => removeStale(store, ip, host))),
    ...attempt(host, () => removeBrokenRecords(store, host)),
    ...attempt(host, () => removeAborted(store, leasedIps(store), host)),
  ];
  if (old.length > 0)
    host.log('info', `removed the leases of ${old.length} attachments of an earlier boot on ${store.network}`);
  if (failures.length === 0) replaceFile(store.boot, `${host.bootId}\n`, temporaryPath(store, 'boot'));
}

/** The lease files without a record that were last written before `bootedAtMs`. */
export function leasesBefore(store: Store, bootedAtMs: number, records: readonly AttachmentRecord[]): Ip[] {
  const recorded = new Set(records.flatMap((record) => recordedAddresses(record).map(({ ip }) => formatIp(ip))));
  return leasedIps(store).filter((ip) => !recorded.has(formatIp(ip)) && isOlder(leasePath(store, ip), bootedAtMs));
}

function isOlder(path: string, bootedAtMs: number): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found?.isFile() === true && found.mtimeMs < bootedAtMs;
}

/** The leases that are still the attachment's own, then the record, last. */
export function removeAttachment(store: Store, record: AttachmentRecord): Ip[] {
  const released = recordedAddresses(record)
    .map(({ ip }) => ip)
    .filter((ip) => removeLease(store, ip, record));
  removeRecord(store, record);
  return released;
}

function removeStale(store: Store, ip: Ip, host: Host): void {
  removeFile(leasePath(store, ip));
  host.log('info', `removed the lease of ${formatIp(ip)} on ${store.network}: it is of an earlier boot`);
}

function attempt(host: Host, act: () => unknown): Fault[] {
  try {
    act();
    return [];
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    host.log('warn', error.message);
    return [error];
  }
}
