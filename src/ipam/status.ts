/** STATUS's part: whether an ADD would get its addresses. */

import { Fault } from '../fault.ts';
import { sweepAfterBoot } from './boot.ts';
import { createFile, removeFile } from './files.ts';
import type { Host } from './host.ts';
import { leasedIps } from './leases.ts';
import { withLock } from './lock.ts';
import { type Store, storeOf } from './paths.ts';
import { countIn, sizeOfSet } from './pick.ts';
import type { IpamPlan, RangeSet } from './plan.ts';
import { reclaimDead } from './reclaim.ts';
import { exhausted } from './shortage.ts';

export interface RangeSetStatus {
  readonly rangeSet: number;
  readonly free: bigint;
  /** How many addresses may ever be leased: without gateways, network and broadcast addresses, `exclude`. */
  readonly total: bigint;
}

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

/** By writing: neither permission bits nor free blocks tell the whole truth to root. */
function verifyWritable(store: Store, host: Host): void {
  withLock(store, host, () => {
    sweepAfterBoot(store, host);
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
