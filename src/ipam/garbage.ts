/** GC's part: which attachments are to go, and their release. Two steps, so that the caller removes interfaces between. */

import { formatIp, type Ip, parseIp } from '../address/ip.ts';
import { Fault, reasonOf } from '../fault.ts';
import { removeAborted } from './aborted.ts';
import type { Attachment } from './attachment.ts';
import { leasesBefore, removeAttachment, sweepAfterBoot } from './boot.ts';
import { namesIn } from './files.ts';
import type { Host } from './host.ts';
import { decodeLease, leasedIps, readLease, removeLease } from './lease.ts';
import { withLock } from './lock.ts';
import { type Store, storeOf } from './paths.ts';
import { type AttachmentRecord, encodeRecord, recordedAddresses } from './record.ts';
import { readRecord, readRecords, removeBrokenRecords } from './records.ts';

/** An attachment that is to go. Its interface name is empty where a very old lease does not say it. */
export interface Doomed {
  readonly attachment: Attachment;
  /** None for what host-local made. */
  readonly record: AttachmentRecord | undefined;
  readonly addresses: readonly Ip[];
  readonly reason: 'not valid any more' | 'dead';
}

export interface Garbage {
  readonly released: readonly Doomed[];
  readonly failures: readonly Fault[];
}

/**
 * Finds the attachments of a network that are not in `valid`. Without a list, only what is provably dead is found: an empty
 * list says that nothing is valid, a missing one says nothing. Reads every record and lease; removes nothing.
 * @throws Fault `io`
 */
export function planGarbage(
  dataDir: string,
  network: string,
  valid: readonly Omit<Attachment, 'network'>[] | undefined,
  host: Host,
): readonly Doomed[] {
  const store = storeOf(dataDir, network);
  return valid === undefined ? findDead(store, host) : findInvalid(store, valid, host);
}

/**
 * Releases them, as far as they are still what the plan saw; then removes what is broken. Goes on past errors.
 * Where there is no data directory, there is nothing to do.
 */
export function releaseGarbage(dataDir: string, network: string, doomed: readonly Doomed[], host: Host): Garbage {
  const store = storeOf(dataDir, network);
  const result = { released: [] as Doomed[], failures: [] as Fault[] };
  const step = (act: () => void) => collect(result.failures, act);
  if (namesIn(store.leases).length === 0 && namesIn(store.own).length === 0) return result;
  step(() =>
    withLock(store, host, () => {
      step(() => sweepAfterBoot(store, host));
      for (const one of doomed) step(() => release(store, one, host) && result.released.push(one));
      step(() => removeBrokenRecords(store, host));
      step(() => removeAborted(store, leasedIps(store), host));
    }),
  );
  return result;
}

/** Makes room: releases what is provably dead on this network. @throws Fault `busy`, `io` */
export function reclaimDead(store: Store, host: Host): void {
  const dead = findDead(store, host);
  withLock(store, host, () => {
    for (const one of dead) {
      if (!release(store, one, host)) continue;
      host.log(
        'info',
        `reclaimed ${one.addresses.map(formatIp).join(' and ')} on ${store.network}: its holder is dead`,
      );
      if (one.record !== undefined) host.onReclaim?.(one.record);
    }
    removeAborted(store, leasedIps(store), host);
  });
}

function findDead(store: Store, host: Host): Doomed[] {
  const records = readRecords(store, host);
  const dead = records.filter((record) => record.bootId !== host.bootId || host.isDead(record));
  const unrecorded = leasesBefore(store, host.bootedAtMs, records);
  const groups = groupByHolder(store, unrecorded).values();
  return [
    ...dead.map((record) => doomedRecord(record, [], 'dead')),
    ...[...groups].map((held) => ({ ...held, record: undefined, reason: 'dead' as const })),
  ];
}

function findInvalid(store: Store, valid: readonly Omit<Attachment, 'network'>[], host: Host): Doomed[] {
  const isValid = ({ containerId, ifName }: Attachment) =>
    valid.some((one) => one.containerId === containerId && (ifName === '' || one.ifName === ifName));
  const records = readRecords(store, host);
  const groups = groupByHolder(store, leasedIps(store));
  const recorded = records.map((record) =>
    doomedRecord(record, groups.get(keyOf(record))?.addresses ?? [], 'not valid any more'),
  );
  for (const record of records) groups.delete(keyOf(record));
  const others = [...groups.values()].map((held) => ({
    ...held,
    record: undefined,
    reason: 'not valid any more' as const,
  }));
  return [...recorded, ...others].filter(({ attachment }) => !isValid(attachment));
}

type Held = Pick<Doomed, 'attachment' | 'addresses'>;

/** Leases by who holds them; those that cannot be read are nobody's. */
function groupByHolder(store: Store, ips: readonly Ip[]): Map<string, Held> {
  const groups = new Map<string, Held>();
  for (const ip of ips) {
    const holder = decodeLease(readLease(store, ip) ?? '');
    if (holder === undefined) continue;
    const attachment = { network: store.network, containerId: holder.containerId, ifName: holder.ifName ?? '' };
    const addresses = [...(groups.get(keyOf(attachment))?.addresses ?? []), ip];
    groups.set(keyOf(attachment), { attachment, addresses });
  }
  return groups;
}

function keyOf({ containerId, ifName }: Omit<Attachment, 'network'>): string {
  return `${containerId}:${ifName}`;
}

function doomedRecord(record: AttachmentRecord, leased: readonly Ip[], reason: Doomed['reason']): Doomed {
  const { network, containerId, ifName } = record;
  const texts = new Set([...recordedAddresses(record).map(({ ip }) => formatIp(ip)), ...leased.map(formatIp)]);
  const addresses = [...texts].flatMap((text) => parseIp(text) ?? []);
  return { attachment: { network, containerId, ifName }, record, addresses, reason };
}

/** The caller holds the lock. An attachment that was made anew since the plan stays. */
function release(store: Store, { attachment, record, addresses }: Doomed, host: Host): boolean {
  const now = attachment.ifName === '' ? undefined : readRecord(store, attachment, host);
  const isSame =
    record === undefined ? now === undefined : now !== undefined && encodeRecord(now) === encodeRecord(record);
  if (!isSame) return false;
  const released = addresses.filter((ip) => removeLease(store, ip, attachment));
  if (now !== undefined) removeAttachment(store, now);
  return now !== undefined || released.length > 0;
}

function collect(failures: Fault[], act: () => void): void {
  try {
    act();
  } catch (error) {
    failures.push(error instanceof Fault ? error : new Fault('internal', reasonOf(error), { cause: error }));
  }
}
