/** ADD's part: addresses for an attachment, or its record alone. */

import { type Cidr, formatCidr } from '../address/cidr.ts';
import { formatIp, type Ip } from '../address/ip.ts';
import { tolerating } from '../attempt.ts';
import { Fault } from '../fault.ts';
import { type Attachment, type AttachmentRecord, attachmentText, type Owner } from './attachment.ts';
import { isThere, namesIn } from './files.ts';
import { reclaimDead } from './garbage.ts';
import type { Host } from './host.ts';
import { createLeases, isHeldBy, leaseState, leasesHeldBy, readCursor, readLease, writeCursor } from './lease.ts';
import type { Life } from './life.ts';
import { type LockedStore, withLock } from './lock.ts';
import type { IpamPlan } from './plan.ts';
import { type PickedAddress, pickNext, type RangeSet, rangeOf } from './ranges.ts';
import { createRecord, readRecord, recordedIps, removeRecord, replaceRecord } from './record.ts';
import { removeAborted, removeAttachment, removeDead } from './removal.ts';
import { exhausted, requestedTaken } from './status.ts';
import { recordPath, type Store, storeOf } from './store.ts';
import { maintain } from './upkeep.ts';

export interface Lease {
  /** With the subnet's prefix length. */
  readonly address: Cidr;
  readonly gateway: Ip;
  readonly rangeSet: number;
}

/** The plan of the attachment that gets these leases, for its record. */
type PlanFor = (leases: readonly Lease[]) => Owner['plan'];

type Outcome = { readonly leases: readonly Lease[]; readonly missing?: undefined } | { readonly missing: RangeSet };

/**
 * Leases one address of each range set and writes the record of the attachment, all of it or nothing. Where a set has no
 * address left, dead attachments are reclaimed first.
 * @throws Fault `exhausted`, `address` (a requested one is taken), `conflict` (the attachment holds addresses already),
 * `busy`, `io`
 */
export function leaseAddresses(
  plan: IpamPlan,
  owner: Owner,
  machine: Host,
  planFor: PlanFor = () => undefined,
): readonly Lease[] {
  const store = storeOf(plan.dataDir, plan.network);
  const host = hostOfAdd(machine, owner);
  const first = tryLease(plan, store, owner, host, planFor);
  if (first.missing === undefined) return first.leases;
  const kept = reclaimDead(store, host);
  const second = tryLease(plan, store, owner, host, planFor);
  if (second.missing === undefined) return second.leases;
  const requested = requestedOf(plan, second.missing);
  throw requested === undefined
    ? exhausted(store, second.missing, kept, host)
    : requestedTaken(store, requested, second.missing, kept, host);
}

/** Writes the record of an attachment that gets no address from here. @throws Fault `conflict`, `busy`, `io` */
export function recordAttachment(dataDir: string, owner: Owner, machine: Host): void {
  const host = hostOfAdd(machine, owner);
  withLock(storeOf(dataDir, owner.network), host, (store) => {
    maintain(store, host);
    removeFormer(store, owner, host);
    replaceRecord(store, createRecord(withStart(owner, host), [], host.bootId, host.nowMs()));
  });
}

/** Changes the record of an attachment, for what is known only later. @throws Fault `busy`, `io` */
export function amendRecord(
  dataDir: string,
  attachment: Attachment,
  change: Pick<Owner, 'plan' | 'notes'>,
  host: Host,
): void {
  withLock(storeOf(dataDir, attachment.network), host, (store) => {
    const record = readRecord(store, attachment, host);
    if (record !== undefined) replaceRecord(store, { ...record, ...change });
  });
}

/** The host of an ADD, which judges every record with regard to the attachment that the ADD makes. */
function hostOfAdd(machine: Host, owner: Owner): Host {
  return { ...machine, judge: (record) => machine.judge(record, owner) };
}

/** Adds when the process of the attachment started, since a later process may have the same ID. */
function withStart(owner: Owner, { startOf }: Host): Owner {
  const { process, processStart } = owner;
  return process === undefined || processStart !== undefined ? owner : { ...owner, processStart: startOf?.(process) };
}

function tryLease(plan: IpamPlan, there: Store, owner: Owner, host: Host, planFor: PlanFor): Outcome {
  return withLock(there, host, (store) => {
    maintain(store, host);
    removeFormer(store, owner, host);
    const picks: PickedAddress[] = [];
    for (const set of plan.rangeSets) {
      const pick = pickFor(set, requestedOf(plan, set), store, owner, host);
      if (pick === undefined) return { missing: set };
      picks.push(pick);
    }
    const leases = picks.map((pick, at) => leaseOf(pick, plan.rangeSets[at] as RangeSet));
    commit(store, { ...owner, plan: planFor(leases) ?? owner.plan }, leases, host);
    return { leases };
  });
}

/**
 * Removes the record of the same attachment from before, where it is dead, or where a killed ADD has not finished it.
 * @throws Fault `conflict` for one that may be alive
 */
function removeFormer(store: LockedStore, owner: Owner, host: Host): void {
  const record = readRecord(store, owner, host);
  if (record === undefined) {
    verifyNoLease(store, owner);
    return;
  }
  const life = host.judge(record);
  if (life.state === 'dead') removeDead(store, record, host);
  else if (isLeftover(store, record)) removeRecord(store, record);
  else throw alreadyAttached(record, life);
  const why = life.state === 'dead' ? `which was dead: ${life.evidence}` : 'which held no lease';
  host.log('info', `replaced ${attachmentText(record)} on ${store.network}, ${why}`);
}

/**
 * A broken record may have been that of a living attachment, so all leases are read; without any record, they are not.
 * @throws Fault `conflict`
 */
function verifyNoLease(store: Store, owner: Owner): void {
  const [held] = isThere(recordPath(store, owner)) ? leasesHeldBy(store, owner) : [];
  if (held !== undefined) throw holdsAlready(held, store, owner);
}

/**
 * Whether the record has addresses of which the attachment holds none: an ADD was killed in between, or host-local released
 * them.
 */
function isLeftover(store: Store, record: AttachmentRecord): boolean {
  const ips = recordedIps(record);
  return ips.length > 0 && !ips.some((ip) => isHeldBy(readLease(store, ip) ?? '', record));
}

function alreadyAttached(record: AttachmentRecord, { state, evidence }: Life): Fault {
  const what = record.addresses.length === 0 ? 'it is attached' : `it holds ${record.addresses.join(' and ')}`;
  const where = record.netns === undefined ? '' : ` in ${record.netns.path}`;
  const message = `cannot attach ${attachmentText(record)} to ${record.network}: ${what} since ${record.createdAt}${where}`;
  const doubt = state === 'unknown' ? ` Whether it is alive cannot be known: ${evidence}.` : '';
  return new Fault('conflict', message, {
    details: `Run DEL for this container and interface first, then ADD again.${doubt}`,
  });
}

function requestedOf(plan: IpamPlan, set: RangeSet): Ip | undefined {
  return plan.requested.find(({ rangeSet }) => rangeSet === set.index)?.ip;
}

function pickFor(
  set: RangeSet,
  requested: Ip | undefined,
  store: LockedStore,
  owner: Owner,
  host: Host,
): PickedAddress | undefined {
  if (requested !== undefined) return pickRequested(set, requested, store, owner, host);
  return pickNext(set, readCursor(store, set.index, host), {
    has: (ip) => isTaken(store, ip, host),
    all: () => new Set(namesIn(store.leases)),
  });
}

function pickRequested(set: RangeSet, ip: Ip, store: LockedStore, owner: Owner, host: Host): PickedAddress | undefined {
  const range = rangeOf(set, ip);
  if (range === undefined) return undefined;
  if (!isTaken(store, ip, host)) return { ip, range };
  if (!isHeldBy(readLease(store, ip) ?? '', owner)) return undefined;
  throw holdsAlready(ip, store, owner);
}

function holdsAlready(ip: Ip, store: Store, owner: Owner): Fault {
  const message = `cannot attach ${attachmentText(owner)} to ${store.network}: it holds ${formatIp(ip)} already`;
  return new Fault('conflict', message, { details: 'Run DEL for this container and interface first, then ADD again.' });
}

function isTaken(store: LockedStore, ip: Ip, host: Host): boolean {
  const state = leaseState(store, ip);
  return state === 'taken' || (state === 'empty' && removeAborted(store, [ip], host).length === 0);
}

function leaseOf({ ip, range }: PickedAddress, set: RangeSet): Lease {
  return { address: { ip, prefix: range.subnet.prefix }, gateway: range.gateway, rangeSet: set.index };
}

/** Writes the record first, so that no lease is ever without a record, whenever the process is killed. */
function commit(store: LockedStore, owner: Owner, leases: readonly Lease[], host: Host): void {
  const addresses = leases.map(({ address }) => formatCidr(address));
  const ips = leases.map(({ address }) => address.ip);
  const createdAtMs = host.nowMs();
  const record = createRecord(withStart(owner, host), addresses, host.bootId, createdAtMs);
  replaceRecord(store, record);
  try {
    const taken = createLeases(store, ips, owner, createdAtMs);
    if (taken !== undefined) throw takenMeanwhile(taken, store);
  } catch (error) {
    tolerating(host.log, () => removeAttachment(store, record));
    throw error;
  }
  for (const { rangeSet, address } of leases) writeCursor(store, rangeSet, address.ip, host);
}

function takenMeanwhile(ip: Ip, store: Store): Fault {
  const message = `cannot lease ${formatIp(ip)} on ${store.network}: something that does not take the lock just took it`;
  return new Fault('busy', message, { details: `Try again. See what else writes to ${store.leases}.` });
}
