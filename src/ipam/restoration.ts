/** Putting back leases whose files were removed, or lost their times in a copy, while their attachments live. */

import { formatCidr } from '../address/cidr.ts';
import { formatIp, type Ip } from '../address/ip.ts';
import { type AttachmentRecord, attachmentText } from './attachment.ts';
import type { Host, Survivor } from './host.ts';
import { createLeases, holderText, isHeldBy, isWrittenAt, readLease, stampLease } from './lease.ts';
import type { LockedStore } from './lock.ts';
import { createRecord, readRecords, recordedIps, replaceRecord } from './record.ts';

/**
 * Puts back the leases of every attachment that has a record and is not dead, and logs that once. Where the store has no records
 * (`hasNoRecords`), it first makes them for the survivors that the host lists. Reads all records and their leases.
 * @throws Fault `io`, what `host.survivors` throws
 */
export function putBack(store: LockedStore, host: Host, hasNoRecords: boolean): void {
  const recorded = readRecords(store, host);
  const lost = hasNoRecords ? recordsOfSurvivors(store, recorded, host) : [];
  for (const record of lost) replaceRecord(store, record);
  const leases = [...recorded, ...lost].flatMap((record) => putBackLeases(store, record, host));
  if (leases.length + lost.length === 0) return;
  const what = `${leases.length} leases and ${lost.length} records on ${store.network}, whose holders are alive`;
  host.log('warn', `put back ${what}: their files had been removed from ${store.leases} or ${store.own}`);
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

/** While the attachment lives, a lease with its content is the one of its record, whatever time the file has. */
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
