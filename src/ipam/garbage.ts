/**
 * Attachments that are removed without a DEL: those that GC finds invalid or dead, and dead ones where a range is exhausted.
 */

import { formatIp, type Ip } from '../address/ip.ts';
import { asFault, collecting, tolerating } from '../attempt.ts';
import type { Fault } from '../fault.ts';
import type { Attachment, AttachmentRecord } from './attachment.ts';
import { namesIn, removeFile } from './files.ts';
import type { Host } from './host.ts';
import { decodeLease, isWrittenBefore, leasedIps, readLease, removeLease } from './lease.ts';
import { doubtText } from './life.ts';
import { type LockedStore, withLock } from './lock.ts';
import { encodeRecord, readRecord, readRecords, recordedIps, removeBrokenRecords, removeRecord } from './record.ts';
import { detach, removeAborted, removeDead } from './removal.ts';
import { leasePath, type Store, storeOf } from './store.ts';
import { leasesBefore, maintain } from './upkeep.ts';

/** An attachment that is to be removed. Its interface name is empty where a very old lease does not say it. */
export interface Doomed {
  readonly attachment: Attachment;
  /** Undefined for an attachment that host-local made. */
  readonly record: AttachmentRecord | undefined;
  readonly addresses: readonly Ip[];
  readonly reason: 'not valid' | 'dead';
}

export interface Garbage {
  readonly released: readonly Doomed[];
  readonly failures: readonly Fault[];
}

/** The attachments that a runtime knows of. */
export type ValidAttachments = readonly Pick<Attachment, 'containerId' | 'ifName'>[];

type Held = Pick<Doomed, 'attachment' | 'addresses'>;

/**
 * Finds the attachments of a network that are not in `valid`; without a list, those that are provably dead. An empty list says
 * that nothing is valid, a missing one says nothing. Reads every record and lease; removes nothing.
 * @throws Fault `io`
 */
export function planGarbage(
  dataDir: string,
  network: string,
  valid: ValidAttachments | undefined,
  host: Host,
): readonly Doomed[] {
  const store = storeOf(dataDir, network);
  if (valid !== undefined) return findInvalid(store, valid, host);
  return findDead(store, host, (doubts) => host.log('warn', `GC of ${network}: ${doubts}`));
}

/**
 * Removes the doomed attachments from the node and releases their addresses, except for attachments that have changed since
 * the plan; then removes broken files. Goes on past errors: what cannot be removed from the node stays leased. Without a data
 * directory there is nothing to do.
 */
export function releaseGarbage(dataDir: string, network: string, doomed: readonly Doomed[], host: Host): Garbage {
  const there = storeOf(dataDir, network);
  const released: Doomed[] = [];
  const failures: Fault[] = [];
  const step = (act: () => unknown) => failures.push(...collecting(act).map(asFault));
  step(() => {
    if (namesIn(there.leases).length === 0 && namesIn(there.own).length === 0) return;
    // The lock is taken for each, since removing an attachment from the node takes time, and other calls wait for the lock.
    for (const one of doomed) {
      withLock(there, host, (store) => step(() => release(store, one, host) && released.push(one)));
    }
    withLock(there, host, (store) => {
      step(() => maintain(store, host));
      step(() => removeFile(store.temporary));
      step(() => removeBrokenRecords(store));
      step(() => removeAborted(store, leasedIps(store), host));
    });
  });
  return { released, failures };
}

/**
 * Reclaims the dead attachments of a network, with all that they have on the node. Each takes the lock by itself, so that
 * other calls wait for one attachment, not for all. @returns a Fault for each that could not be removed and stays leased; they
 * are logged, too. @throws Fault `busy`, `io`
 */
export function reclaimDead(there: Store, host: Host): readonly Fault[] {
  const failures: Fault[] = [];
  for (const one of findDead(there, host)) {
    const act = (store: LockedStore) => release(store, one, host) && logReclaimed(store, one, host);
    failures.push(...withLock(there, host, (store) => collecting(() => act(store)).map(asFault)));
  }
  withLock(there, host, (store) => tolerating(host.log, () => removeAborted(store, leasedIps(store), host)));
  for (const { message } of failures) host.log('warn', message);
  return failures;
}

/** Finds the attachments that are provably dead. `warn` gets a sentence about those whose life is unknown, if there are any. */
function findDead(store: Store, host: Host, warn?: (doubts: string) => void): Doomed[] {
  const records = readRecords(store, host);
  const lives = records.map((record) => host.judge(record));
  const dead = records.filter((_, at) => lives[at]?.state === 'dead');
  const doubts = doubtText('attachments', lives);
  if (doubts !== '') warn?.(doubts);
  const unrecorded = groupByHolder(store, leasesBefore(store, host.bootedAtMs(), records), host);
  return [
    ...dead.map((record) => doomRecord(record, recordedIps(record), 'dead')),
    ...[...unrecorded.values()].map((held) => ({ ...held, record: undefined, reason: 'dead' as const })),
  ];
}

function findInvalid(store: Store, valid: ValidAttachments, host: Host): Doomed[] {
  const validKeys = new Set(valid.flatMap((one) => [keyOf(one), keyOf({ ...one, ifName: '' })]));
  const records = readRecords(store, host);
  const held = groupByHolder(store, leasedIps(store), host);
  const recorded = records.map((record) => doomRecord(record, held.get(keyOf(record))?.addresses ?? [], 'not valid'));
  for (const record of records) held.delete(keyOf(record));
  const others = [...held.values()].map((one) => ({ ...one, record: undefined, reason: 'not valid' as const }));
  return [...recorded, ...others].filter(({ attachment }) => !validKeys.has(keyOf(attachment)));
}

/** Groups leases by their holder. A lease that cannot be read has no holder, and stays. */
function groupByHolder(store: Store, ips: readonly Ip[], host: Host): Map<string, Held> {
  const groups = new Map<string, { attachment: Attachment; addresses: Ip[] }>();
  for (const ip of ips) {
    const text = readLease(store, ip) ?? '';
    const holder = decodeLease(text);
    if (holder === undefined) {
      if (text !== '') host.log('warn', `${leasePath(store, ip)} names no holder: left alone`);
      continue;
    }
    const attachment = { network: store.network, containerId: holder.containerId, ifName: holder.ifName ?? '' };
    const group = groups.get(keyOf(attachment));
    if (group === undefined) groups.set(keyOf(attachment), { attachment, addresses: [ip] });
    else group.addresses.push(ip);
  }
  return groups;
}

function keyOf({ containerId, ifName }: Pick<Attachment, 'containerId' | 'ifName'>): string {
  return `${containerId}:${ifName}`;
}

function doomRecord(record: AttachmentRecord, leased: readonly Ip[], reason: Doomed['reason']): Doomed {
  const { network, containerId, ifName } = record;
  const byText = new Map([...recordedIps(record), ...leased].map((ip) => [formatIp(ip), ip]));
  return { attachment: { network, containerId, ifName }, record, addresses: [...byText.values()], reason };
}

/**
 * Removes what a doomed attachment has on the node, then its leases. One that was made anew since the plan stays.
 * @returns whether anything was removed. @throws Fault, and then the leases stay
 */
function release(store: LockedStore, { attachment, record, addresses, reason }: Doomed, host: Host): boolean {
  const now = attachment.ifName === '' ? undefined : readRecord(store, attachment, host);
  if (textOf(now) !== textOf(record)) return false;
  if (now !== undefined && reason === 'dead') {
    removeDead(store, now, host);
    return true;
  }
  // A dead attachment without a record is of an earlier boot, and has nothing on the node.
  if (reason === 'not valid') detach(attachment, record, host);
  const mayGo = (ip: Ip) => reason !== 'dead' || isWrittenBefore(store, ip, host.bootedAtMs());
  const released = addresses.filter((ip) => mayGo(ip) && removeLease(store, ip, attachment));
  return (now !== undefined && removeRecord(store, now)) || released.length > 0;
}

function textOf(record: AttachmentRecord | undefined): string {
  return record === undefined ? '' : encodeRecord(record);
}

function logReclaimed({ network }: Store, { addresses }: Doomed, host: Host): void {
  host.log('info', `reclaimed ${addresses.map(formatIp).join(' and ')} on ${network}: the holder is dead`);
}
