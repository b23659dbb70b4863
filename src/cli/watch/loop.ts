/**
 * The loop of the watch. Notifications are gathered until they pause; then one look is taken, and mends what is off. The changes
 * of a repair lead to one more look, which finds all whole and changes nothing.
 */

import { reasonOf } from '../../fault.ts';
import type { Notifications } from '../../netlink/notifications.ts';
import { monotonicMs, sleepMs } from '../../sys/clock.ts';
import { type LookOptions, lookAt, olderTables, type Seen } from './look.ts';
import { relevanceOf, type Scope } from './relevance.ts';

interface LoopOptions extends LookOptions {
  /** How often everything is looked at without a notification. */
  readonly intervalMs: number;
  readonly isOnce: boolean;
  /** Gets what the last look saw, after each look, at most once a second. */
  report(seen: Seen): void;
}

/** A look is taken when nothing has come for so long, */
const QUIET_MS = 200;
/** but so long after the first notification at the latest. */
const LATEST_MS = 1_000;
/** Notifications are taken in so far apart, so that a storm of them costs little. */
const TAKE_MS = 20;
const OLDER_TABLES_MS = 1_000;
/** A look that takes long is followed by a pause of so many times its duration. */
const PAUSE_TIMES = 4;
const SHORTEST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
const LONGEST_BACK_OFF_MS = 60_000;

/** Notifications that wait for a look. */
interface Pending {
  scope: Scope;
  readonly since: number;
  last: number;
}

/** Watches until a signal ends the process; with `isOnce` takes one look. @returns whether all looks succeeded */
export function watchNode(notifications: Notifications, options: LoopOptions): boolean {
  const { counters, tell, troubles, intervalMs } = options;
  let seen: Seen | undefined;
  let pending: Pending | undefined;
  let regularAt = 0;
  let earliest = 0;
  let olderAt = monotonicMs() + OLDER_TABLES_MS;
  let older = olderTables();
  let failures = 0;

  const mark = (scope: Scope) => {
    const now = monotonicMs();
    pending ??= { scope, since: now, last: now };
    pending.last = now;
    if (scope === 'everything') pending.scope = scope;
  };
  const look = (scope: Scope, isRegular: boolean) => {
    const began = monotonicMs();
    pending = undefined;
    if (isRegular) regularAt = began + intervalMs;
    try {
      seen = lookAt(scope, isRegular, options);
      if (failures > 0) tell('info', 'healed', 'the node can be looked at again');
      failures = 0;
    } catch (error) {
      if (failures === 0) tell('warn', 'failed', `cannot look at the node: ${reasonOf(error)}`);
      failures++;
      counters.failedLooks++;
    }
    const took = monotonicMs() - began;
    counters.looks++;
    counters.lookSeconds += took / 1000;
    const pause = Math.min(Math.max(took * PAUSE_TIMES, SHORTEST_PAUSE_MS), LONGEST_PAUSE_MS);
    const backOff = failures === 0 ? 0 : Math.min(1_000 * 2 ** (failures - 1), LONGEST_BACK_OFF_MS);
    earliest = monotonicMs() + Math.max(pause, backOff);
    if (failures > 0) regularAt = earliest;
    if (seen !== undefined) options.report(seen);
  };
  const take = () => {
    const ours = seen?.ours ?? { names: new Set<string>(), indexes: new Set<number>() };
    const { lost } = notifications.take((source, message) => {
      if (pending?.scope === 'everything') {
        return;
      }
      const scope = relevanceOf(source, message, ours);
      if (scope !== undefined) mark(scope);
    });
    if (!lost) return;
    counters.lost++;
    mark('everything');
  };

  for (;;) {
    const now = monotonicMs();
    const quietAt =
      pending === undefined ? Number.POSITIVE_INFINITY : Math.min(pending.last + QUIET_MS, pending.since + LATEST_MS);
    const retryAt = Math.max(troubles.nextAt(), earliest);
    if (now >= earliest && now >= Math.min(regularAt, quietAt, retryAt)) {
      const isRegular = now >= regularAt;
      look(isRegular || retryAt <= now ? 'everything' : (pending?.scope ?? 'everything'), isRegular);
      if (options.isOnce) return failures === 0;
      continue;
    }
    const next = Math.max(Math.min(regularAt, quietAt, retryAt), earliest);
    if (notifications.wait(Math.min(next, olderAt) - now)) {
      sleepMs(TAKE_MS);
      take();
    }
    if (monotonicMs() < olderAt) continue;
    olderAt = monotonicMs() + OLDER_TABLES_MS;
    const found = olderTables();
    if (found !== older) mark('filters');
    older = found;
  }
}
