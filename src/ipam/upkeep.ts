/**
 * Keeping the store in order after a boot, and after files were removed from the data directory: leases are swept or put
 * back.
 */

import { formatCidr } from '../address/cidr.ts';
import { formatIp, type Ip } from '../address/ip.ts';
import { tolerating } from '../attempt.ts';
import { type AttachmentRecord, attachmentText } from './attachment.ts';
import { ensureDirectory, isNoFile, readIfThere, removeFile, replaceFile } from './files.ts';
import type { Host, Survivor } from './host.ts';
import {
  createLeases,
  holderText,
  isHeldBy,
  isWrittenAt,
  isWrittenBefore,
  leasedIps,
  readLease,
  stampLease,
} from './lease.ts';
import type { LockedStore } from './lock.ts';
import { createRecord, readRecords, recordedIps, removeBrokenRecords, replaceRecord } from './record.ts';
import { removeAborted, removeDead } from './removal.ts';
import { leasePath, type Store } from './store.ts';

/** What the file `Store.boot` says. 0.1.0 wrote no `lock`. */
interface Marker {
  readonly bootId: string;
  readonly lock?: string | undefined;
}

/**
 * Keeps the store in order: does its work once a boot, and once for each lock file. Otherwise it reads one small file.
 *
 * The lock file stands among the leases, and neither host-local nor this program ever removes it. So another lock file in its
 * place says that the directory was emptied (`rm -rf <dataDir>/<network>/*`, a remedy that is passed around for host-local) or
 * copied.
 * @throws Fault `io` where the store cannot be read or written
 */
export function maintain(store: LockedStore, host: Host): void {
  const last = readMarker(store);
  const isSwept = last?.bootId === host.bootId;
  const isSameLock = last?.lock === lockIdentity(store);
  if (isSwept && isSameLock) return;
  ensureDirectory(store.own);
  if (!isSameLock) putBack(store, host, last === undefined);
  if (!isSwept && !sweep(store, host)) return;
  replaceFile(store.boot, `${host.bootId}\n${lockIdentity(store)}\n`, store.temporary);
}

/** The lease files without a record that were last written before `bootedAtMs`. */
export function leasesBefore(store: Store, bootedAtMs: number, records: readonly AttachmentRecord[]): Ip[] {
  const recorded = new Set(records.flatMap(recordedIps).map(formatIp));
  return leasedIps(store).filter((ip) => !recorded.has(formatIp(ip)) && isWrittenBefore(store, ip, bootedAtMs));
}

/**
 * Puts back the leases of every attachment that has a record and is not dead, and logs their number. Where the store has no
 * records (`hasNoRecords`), it first makes records for the survivors that the host lists. Reads all records and their leases.
 * @throws Fault `io`, and what `host.survivors` throws
 */
function putBack(store: LockedStore, host: Host, hasNoRecords: boolean): void {
  const recorded = readRecords(store, host);
  const lost = hasNoRecords ? recordsOfSurvivors(store, recorded, host) : [];
  for (const record of lost) replaceRecord(store, record);
  const leases = [...recorded, ...lost].flatMap((record) => putBackLeases(store, record, host));
  if (leases.length + lost.length === 0) return;
  const what = `${leases.length} leases and ${lost.length} records on ${store.network}, whose holders are alive`;
  host.log('warn', `put back ${what}: their files had been removed from ${store.leases} or ${store.own}`);
}

/** @returns undefined where there is no marker, or no file of ours in its place, which is replaced later */
function readMarker(store: Store): Marker | undefined {
  try {
    const [bootId = '', lock] = readIfThere(store.boot)?.split('\n') ?? [];
    return bootId === '' ? undefined : { bootId: bootId.trim(), lock };
  } catch (error) {
    if (isNoFile(error)) return undefined;
    throw error;
  }
}

/**
 * File systems give the inode of a removed file to the next one. Nothing writes to the lock file, so where the file system
 * keeps no time of birth, its mtime serves.
 */
function lockIdentity({ lockFile: { inode, birthMs, mtimeMs } }: LockedStore): string {
  return `lock ${inode} ${birthMs ?? mtimeMs}`;
}

/**
 * Removes what is dead of earlier boots: attachments whose records have another boot ID, and lease files without a record that
 * were last written before this boot. What cannot be removed is logged. @returns whether all of it was removed
 */
function sweep(store: LockedStore, host: Host): boolean {
  const records = readRecords(store, host);
  const old = records.filter((record) => record.bootId !== host.bootId && host.judge(record).state === 'dead');
  const unrecorded = leasesBefore(store, host.bootedAtMs(), records);
  const outcomes = [
    ...old.map((record) => tolerating(host.log, () => removeDead(store, record, host))),
    ...unrecorded.map((ip) => tolerating(host.log, () => removeFile(leasePath(store, ip)))),
    tolerating(host.log, () => removeBrokenRecords(store)),
    tolerating(host.log, () => removeAborted(store, leasedIps(store), host)),
  ];
  logSwept(store, host, old.length, unrecorded.length);
  return outcomes.every(Boolean);
}

function logSwept({ network }: Store, { log }: Host, attachments: number, leases: number): void {
  if (attachments + leases === 0) return;
  log(
    'info',
    `released what is of an earlier boot on ${network}: ${attachments} attachments and ${leases} leases without a record`,
  );
}

function recordsOfSurvivors(store: LockedStore, recorded: readonly AttachmentRecord[], host: Host): AttachmentRecord[] {
  const survivors = [...(host.survivors?.(store.network, store.dataDir) ?? [])];
  const keyOf = ({ containerId, ifName }: Pick<Survivor, 'containerId' | 'ifName'>) => `${containerId}:${ifName}`;
  const known = new Set(recorded.map(keyOf));
  const lost = survivors.filter((one) => one.network === store.network && !known.has(keyOf(one)));
  return lost.map((one) => createRecord(one, one.addresses.map(formatCidr), host.bootId, host.nowMs()));
}

/** @returns the addresses whose files were missing */
function putBackLeases(store: LockedStore, record: AttachmentRecord, host: Host): Ip[] {
  const createdAtMs = Date.parse(record.createdAt);
  const isWhole = (ip: Ip) => isHeldBy(readLease(store, ip) ?? '', record) && isWrittenAt(store, ip, createdAtMs);
  const ips = recordedIps(record).filter((ip) => !isWhole(ip));
  if (ips.length === 0) return [];
  const { state } = host.judge(record);
  if (state === 'dead') return [];
  const missing = ips.filter((ip) => readLease(store, ip) === undefined);
  if (missing.length > 0) createLeases(store, missing, record, createdAtMs);
  if (state === 'alive') {
    for (const ip of ips.filter((one) => !missing.includes(one))) claim(store, ip, record, host);
  }
  return missing;
}

/**
 * Marks a lease of a living attachment as made with its record, whatever time the file has; logs a warning where another
 * attachment holds the lease.
 */
function claim(store: LockedStore, ip: Ip, record: AttachmentRecord, host: Host): void {
  const text = readLease(store, ip) ?? '';
  if (isHeldBy(text, record)) {
    stampLease(store, ip, Date.parse(record.createdAt));
    return;
  }
  const user = attachmentText(record);
  host.log(
    'warn',
    `${formatIp(ip)} on ${store.network} is in use twice: ${holderText(text)} holds the lease, and ${user} is alive with that address. Restart one of them.`,
  );
}
