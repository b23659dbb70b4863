/**
 * Waiting until IPv6 addresses are usable. The kernel has a worker make an address usable (addrconf_dad_work): it joins the
 * multicast group by which neighbours ask for the address, and adds the route by which packets to it are delivered. On a busy
 * node that takes some 100 ms; with duplicate address detection (RFC 4862, 5.4), which comes first, a second or two.
 */

import { formatIp, type Ip } from '../../address/ip.ts';
import { Fault } from '../../fault.ts';
import { execute } from '../../netlink/connection.ts';
import { unlessRefused } from '../../netlink/error.ts';
import type { Link } from '../../netlink/route/link.ts';
import { findRoute, isLocalRoute } from '../../netlink/route/route.ts';
import { ENETUNREACH } from '../../sys/errno.ts';
import { awaitNotified } from '../await.ts';
import { findAddresses } from '../links.ts';
import type { Container, Node } from '../node.ts';

const DEADLINE_MS = 10_000;

type Where = Pick<Container | Node, 'route' | 'watchAddresses'>;

/**
 * Returns when the kernel delivers packets to each of the IPv6 addresses.
 * @throws Fault `conflict` when another host has one, `busy` after `deadlineMs`; KernelError
 */
export function awaitUsable(
  where: Where,
  link: Pick<Link, 'index' | 'name'>,
  { addresses, detectDuplicates }: { readonly addresses: readonly Ip[]; readonly detectDuplicates: boolean },
  deadlineMs = DEADLINE_MS,
): void {
  if (addresses.length === 0) return;
  const isReached = () => areLocal(where, addresses) || (detectDuplicates && refuseDuplicates(where, link));
  const usable = { isReached, watch: where.watchAddresses, matters: () => true };
  if (!awaitNotified(usable, deadlineMs)) throw undecided(link.name, addresses, deadlineMs);
}

function areLocal({ route }: Where, addresses: readonly Ip[]): boolean {
  const found = unlessRefused([ENETUNREACH], () => execute(route, ...addresses.map(findRoute)));
  return found?.every(([reply]) => reply && isLocalRoute(reply.payload)) ?? false;
}

/** @returns false: no duplicate is known yet */
function refuseDuplicates({ route }: Where, { index, name }: Pick<Link, 'index' | 'name'>): false {
  const duplicate = findAddresses(route, index, 6).find((address) => address.duplicate);
  if (duplicate === undefined) return false;
  const ip = formatIp(duplicate.address.ip);
  throw new Fault('conflict', `cannot give ${name} the address ${ip}: another host on the bridge has it`, {
    details: 'Find it by its MAC ("ip -6 neighbour"), or exclude the address from the range.',
  });
}

function undecided(name: string, addresses: readonly Ip[], ms: number): Fault {
  const text = addresses.map(formatIp).join(', ');
  return new Fault('busy', `cannot give ${name} the address ${text}: it is not usable after ${ms / 1000} s`, {
    details: 'The kernel is that busy, or duplicate address detection does not end. Try again.',
  });
}
