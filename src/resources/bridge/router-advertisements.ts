/**
 * Router advertisements (RFC 4861): what comes from a container must not configure the node, and what configures the node
 * must go on doing so when it begins to forward.
 */

import { Fault } from '../../fault.ts';
import { type Connection, execute } from '../../netlink/connection.ts';
import { RT_TABLE_UNSPEC, RTPROT_RA } from '../../netlink/route/constants.ts';
import { acceptRaOf, type Link } from '../../netlink/route/link.ts';
import { decodeRoute, decodeRouteProtocol, listRoutes } from '../../netlink/route/route.ts';

import { findLinks } from '../links.ts';
import { ensureSysctl, readSysctl } from '../sysctl.ts';
import { isOwnBridge } from './bridge-link.ts';

export const ACCEPT_RA = (name: string) => `ipv6/conf/${name}/accept_ra`;

/**
 * For a bridge that somebody else made: one that the node is a gateway on is no place to take advertisements from, unless
 * it leads to the outside. One that we make refuses them from the start. @throws Fault `io`, KernelError
 */
export function closeToAdvertisements(connection: Connection, bridge: Link): void {
  if (acceptsStrayAdvertisements(connection, bridge)) ensureSysctl(ACCEPT_RA(bridge.name), '0');
}

/** @throws Fault `check` where a bridge that we made accepts advertisements; others' are seen to by ADD */
export function verifyAdvertisementsRefused(bridge: Link): void {
  const found = acceptRaOf(bridge) ?? 0;
  if (found === 0 || !isOwnBridge(bridge)) return;
  const name = `net.${ACCEPT_RA(bridge.name).replaceAll('/', '.')}`;
  throw new Fault('check', `the bridge ${bridge.name} accepts router advertisements: ${name} is ${found}, expected 0`, {
    details: `Any container could change the node's routes. "sysctl -w ${name}=0" puts an end to it, and so does the next ADD.`,
  });
}

/** Ports other than veths, as network cards and tunnels are, lead to where a router may be. */
function acceptsStrayAdvertisements(connection: Connection, bridge: Link): boolean {
  const { name, index } = bridge;
  // Ours has 0, so that nothing more is asked at each ADD; one that was just made has become 0 since it was looked at.
  if ((acceptRaOf(bridge) ?? 0) === 0 || readSysctl(ACCEPT_RA(name)) === '0') return false;
  const leadsOutside = findLinks(connection, index).some(({ kind }) => kind !== 'veth');
  return !leadsOutside && !advertisedUplinks(connection).has(index);
}

/** The interfaces that have a default route by a router's advertisement, in whatever table. */
export function advertisedUplinks(connection: Connection): Set<number> {
  const routes = execute(connection, listRoutes(6, RT_TABLE_UNSPEC))[0] ?? [];
  const indexes = routes.flatMap(({ payload }) => {
    const route = decodeRouteProtocol(payload) === RTPROT_RA ? decodeRoute(payload) : undefined;
    return route?.dst.prefix === 0 ? [route.index] : [];
  });
  return new Set(indexes);
}
