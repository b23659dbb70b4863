/** STATUS's part: whether an ADD would get its addresses, and the error where it would not. */

import { formatIp, type Ip } from '../address/ip.ts';
import { Fault, reasonOf } from '../fault.ts';
import { silentLog } from '../log.ts';
import { attachmentText } from './attachment.ts';
import { createFile, removeFile } from './files.ts';
import { reclaimDead } from './garbage.ts';
import type { Host } from './host.ts';
import { decodeLease, holderText, leasedIps, readLease } from './lease.ts';
import { doubtText, unknown } from './life.ts';
import { withLock } from './lock.ts';
import type { IpamPlan } from './plan.ts';
import { countIn, type RangeSet, rangeOf, rangeText, sizeOfSet } from './ranges.ts';
import { readRecord, readRecords, recordedIps } from './record.ts';
import { type Store, storeOf } from './store.ts';
import { maintain } from './upkeep.ts';

export interface RangeSetStatus {
  readonly rangeSet: number;
  readonly free: bigint;
  /** How many addresses may ever be leased: without gateways, network and broadcast addresses, `exclude`. */
  readonly total: bigint;
}

const SHOWN = 5;

const UNRECORDED = unknown('no record tells of its network namespace');

/**
 * Counts the free addresses of each range set. Where one has none, what is provably dead is reclaimed first.
 * @throws Fault `exhausted` where a set has none left, `unavailable` where the store cannot be used
 */
export function statusOf(plan: IpamPlan, host: Host): readonly RangeSetStatus[] {
  const store = storeOf(plan.dataDir, plan.network);
  return asUnavailable(() => {
    verifyWritable(store, host);
    const first = count(store, plan);
    if (first.every(({ free }) => free > 0n)) return first;
    const kept = reclaimDead(store, host);
    const second = count(store, plan);
    const empty = second.find(({ free }) => free === 0n);
    if (empty !== undefined) throw exhausted(store, plan.rangeSets[empty.rangeSet] as RangeSet, kept, host);
    return second;
  });
}

/** Counts the free addresses of each range set. Only reads, and takes no lock. @throws Fault `io` */
export function rangeUsage(plan: IpamPlan): readonly RangeSetStatus[] {
  return count(storeOf(plan.dataDir, plan.network), plan);
}

/**
 * The Fault of a range set without a free address. Reads a few leases to say who holds them. `kept` says which dead
 * attachments hold some, and why.
 */
export function exhausted(store: Store, set: RangeSet, kept: readonly Fault[], host: Host): Fault {
  const held = leasedIps(store)
    .filter((ip) => rangeOf(set, ip) !== undefined)
    .sort((a, b) => (a.value < b.value ? -1 : 1));
  const holders = held.slice(0, SHOWN).map((ip) => `${formatIp(ip)} ${holderOf(store, ip, host)}`);
  const more = held.length > SHOWN ? `, and ${held.length - SHOWN} more` : '';
  const ranges = set.ranges.map(rangeText).join(', ');
  const message = `cannot lease an address on ${store.network}: range set ${set.index} (${ranges}) is exhausted, ${countIn(set, held)} of ${sizeOfSet(set)} addresses are leased`;
  const known = `None of the ${kept.length === 0 ? '' : 'other '}holders is provably dead: ${holders.join('; ')}${more}. Release what is gone with DEL or GC, or widen the range.`;
  const details = sentences(keptText(kept), doubtsOf(store, held, host), known);
  return new Fault('exhausted', message, { details });
}

/** The Fault of a requested address that another attachment holds. `kept` is as for `exhausted`. */
export function requestedTaken(store: Store, ip: Ip, set: RangeSet, kept: readonly Fault[], host: Host): Fault {
  const holder = holderOf(store, ip, host);
  const message = `cannot lease the requested address ${formatIp(ip)} on ${store.network}: ${holder} holds it`;
  const advice = `Request another address of range set ${set.index}, or DEL the holder first; if it is gone, GC releases it.`;
  const details = sentences(keptText(kept), advice, doubtsOf(store, [ip], host));
  return new Fault('address', message, { details });
}

/** Who holds an address, with the pod's name where a record knows it. Never throws: it is part of an error. */
export function holderOf(store: Store, ip: Ip, host: Host): string {
  try {
    const text = readLease(store, ip) ?? '';
    const holder = decodeLease(text);
    if (holder?.ifName === undefined) return holderText(text);
    const attachment = { network: store.network, containerId: holder.containerId, ifName: holder.ifName };
    return attachmentText(readRecord(store, attachment, host) ?? attachment);
  } catch (error) {
    return reasonOf(error);
  }
}

/**
 * Writes a file, since for root neither permission bits nor free blocks say whether that is possible. @throws Fault `busy`,
 * `io`
 */
function verifyWritable(there: Store, host: Host): void {
  withLock(there, host, (store) => {
    maintain(store, host);
    createFile(store.temporary, 'x');
    removeFile(store.temporary);
  });
}

function count(store: Store, plan: IpamPlan): RangeSetStatus[] {
  const leased = leasedIps(store);
  return plan.rangeSets.map((set) => {
    const total = sizeOfSet(set);
    return { rangeSet: set.index, free: total - countIn(set, leased), total };
  });
}

function asUnavailable<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof Fault) || error.kind === 'exhausted') throw error;
    throw new Fault('unavailable', error.message, { cause: error, ...(error.details && { details: error.details }) });
  }
}

/** A sentence about dead attachments that could not be removed from the node, and so keep their addresses. */
function keptText(kept: readonly Fault[]): string {
  const [first] = kept;
  if (first === undefined) return '';
  return sentences(`${kept.length} dead attachments are kept: ${first.message}.`, first.details ?? '');
}

function sentences(...texts: readonly string[]): string {
  return texts.filter((text) => text !== '').join(' ');
}

/**
 * A sentence about those leases whose holders cannot be judged: how many, why, and what to do. Empty where there are none.
 * @throws Fault `io`
 */
function doubtsOf(store: Store, ips: readonly Ip[], host: Host): string {
  const records = readRecords(store, { ...host, log: silentLog });
  const byAddress = new Map(
    records.flatMap((record) => recordedIps(record).map((ip) => [formatIp(ip), record] as const)),
  );
  const lives = ips.map((ip) => {
    const record = byAddress.get(formatIp(ip));
    return record === undefined ? UNRECORDED : host.judge(record);
  });
  return doubtText('leases', lives);
}
