/** Sends the probes of all containers at once, and says what came of those that failed. */

import { type Ip, sameIp } from '../../../address/ip.ts';
import { execute } from '../../../netlink/connection.ts';
import { unlessRefused } from '../../../netlink/error.ts';
import {
  awaitProbes,
  beginProbes,
  closeProbes,
  type ProbeOutcome,
  type ProbeSet,
} from '../../../netlink/probe/probe.ts';
import { decodeNeighbour, listNeighbours, type Neighbour } from '../../../netlink/route/neighbour-table.ts';
import { decodeRoute, findRoute } from '../../../netlink/route/route.ts';
import { type Node, withContainer } from '../../../resources/node.ts';
import { EHOSTUNREACH, ENETUNREACH } from '../../../sys/errno.ts';
import { closeNetns, openNetns, withNetns } from '../../../sys/netns.ts';
import type { Attempt, Sender } from './targets.ts';

/** A probe that got no answer. */
export interface Failure {
  readonly sender: Sender;
  readonly attempt: Attempt;
  readonly outcome: Exclude<ProbeOutcome, { readonly kind: 'answered' }>;
  /** Who should have taken the packet: the gateway of the route, or the target itself; undefined without a route. */
  readonly via: Ip | undefined;
  /** What the container's neighbour table says of it. */
  readonly neighbour: Neighbour | undefined;
}

/** How long all of them wait together. */
const WITHIN_MS = 1000;

/** @throws Fault `environment` where the kernel gives no socket for ICMP, KernelError */
export function sendAll(node: Node, senders: readonly Sender[]): Failure[] {
  const sets: ProbeSet[] = [];
  try {
    for (const { one, attempts } of senders) {
      const targets = attempts.map(({ target }) => target);
      sets.push(inNetns(node, one.netns?.path ?? '', () => beginProbes(targets)));
    }
    awaitProbes(sets, WITHIN_MS);
    return senders.flatMap((sender, at) =>
      failuresOf(node, sender, sets[at]?.probes.map((probe) => probe.outcome) ?? []),
    );
  } finally {
    for (const set of sets) closeProbes(set);
  }
}

function inNetns<T>(node: Node, path: string, act: () => T): T {
  const netns = openNetns(path);
  try {
    return withNetns(node.netns, netns, act);
  } finally {
    closeNetns(netns);
  }
}

function failuresOf(node: Node, sender: Sender, outcomes: readonly (ProbeOutcome | undefined)[]): Failure[] {
  const failed = sender.attempts.flatMap((attempt, at) => {
    const outcome = outcomes[at];
    return outcome === undefined || outcome.kind === 'answered' ? [] : [{ attempt, outcome }];
  });
  if (failed.length === 0) return [];
  return withContainer(node, sender.one.netns?.path ?? '', ({ route }) => {
    const table = (execute(route, listNeighbours())[0] ?? []).flatMap(({ payload }) => decodeNeighbour(payload) ?? []);
    return failed.map(({ attempt, outcome }) => {
      const { ip } = attempt.target;
      const reply = unlessRefused([ENETUNREACH, EHOSTUNREACH], () => execute(route, findRoute(ip))[0]?.[0]);
      const way = reply && decodeRoute(reply.payload);
      const via = way === undefined ? undefined : (way.gateway ?? ip);
      const neighbour = via && table.find((entry) => sameIp(entry.ip, via));
      return { sender, attempt, outcome, via, neighbour };
    });
  });
}
