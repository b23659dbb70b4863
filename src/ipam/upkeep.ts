/** What may have happened to the store since the last call: the machine booted, or files were removed from the data directory. */

import { formatIp, type Ip } from '../address/ip.ts';
import { tolerating } from '../attempt.ts';
import type { AttachmentRecord } from './attachment.ts';
import { ensureDirectory, isNoFile, readIfThere, removeFile, replaceFile } from './files.ts';
import type { Host } from './host.ts';
import { isWrittenBefore, leasedIps } from './lease.ts';
import type { LockedStore } from './lock.ts';
import { readRecords, recordedIps, removeBrokenRecords } from './record.ts';
import { removeAborted, removeDead } from './removal.ts';
import { putBack } from './restoration.ts';
import { leasePath, type Store } from './store.ts';

/**
 * Sees to the store once a boot, and once for each lock file. Reads one small file where nothing has happened.
 *
 * The lock file stands among the leases and is never removed by either program. So another one in its place says that the
 * directory was emptied (`rm -rf <dataDir>/<network>/*`, a remedy that is passed around for host-local) or copied.
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

/** `lock` is missing in what 0.1.0 wrote. */
interface Marker {
  readonly bootId: string;
  readonly lock?: string | undefined;
}

/** What stands there and is no file of ours says nothing, and is replaced. */
function readMarker(store: Store): Marker | undefined {
  try {
    const [bootId = '', lock] = readIfThere(store.boot)?.split('\n') ?? [];
    return bootId === '' ? undefined : { bootId: bootId.trim(), lock };
  } catch (error) {
    if (isNoFile(error)) return undefined;
    throw error;
  }
}

/** File systems give the inode of a removed file to the next one. Nothing writes to the lock file, so its mtime is as good as its birth. */
function lockIdentity({ lockFile: { inode, birthMs, mtimeMs } }: LockedStore): string {
  return `lock ${inode} ${birthMs ?? mtimeMs}`;
}

/**
 * Removes what is dead of earlier boots: attachments whose records have another boot ID, and lease files without a record that
 * were last written before this boot. What cannot be removed is logged. @returns whether all of it went
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
