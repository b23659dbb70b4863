/**
 * The lock around what attachments share on a bridge: gateway addresses, accept, the judgement that no port is left. It is
 * flock(2) on the node's network namespace itself (nsfs): every process that sees the same bridges sees the same lock, whatever
 * its mount namespace or data directory, and the lock needs no file. The kernel frees it when the process ends.
 */

import { Fault } from '../fault.ts';
import { monotonicMs, sleepMs } from '../sys/clock.ts';
import { lockHolder, tryFlock, unlockFlock } from '../sys/flock.ts';
import type { Netns } from '../sys/netns.ts';

const DEADLINE_MS = 10_000;
const SHORTEST_SLEEP_MS = 0.2;
const LONGEST_SLEEP_MS = 2;

/**
 * Runs `act` while no other call works on what attachments share on the bridges of this network namespace. @throws Fault
 * `busy` after `deadlineMs`, and what `act` throws
 */
export function withBridgeLock<T>({ netns }: { readonly netns: Netns }, act: () => T, deadlineMs = DEADLINE_MS): T {
  acquire(netns, deadlineMs);
  try {
    return act();
  } finally {
    unlockFlock(netns.fd);
  }
}

function acquire(netns: Netns, deadlineMs: number): void {
  const giveUpAt = monotonicMs() + deadlineMs;
  let longest = SHORTEST_SLEEP_MS;
  while (!tryFlock(netns.fd)) {
    if (monotonicMs() >= giveUpAt) throw busy(netns, deadlineMs);
    sleepMs(longest * (0.5 + Math.random() / 2));
    longest = Math.min(longest * 2, LONGEST_SLEEP_MS);
  }
}

function busy(netns: Netns, deadlineMs: number): Fault {
  const holder = lockHolder(netns);
  const who = holder === undefined ? 'a process that is not visible from here' : `process ${holder.pid}`;
  const name = holder?.command === undefined ? '' : ` (${holder.command})`;
  const message = `cannot lock the bridges of the node: ${who}${name} holds the lock, waited ${deadlineMs / 1000} s`;
  return new Fault('busy', message, { details: `Try again. The lock is free as soon as ${who} goes on or ends.` });
}
