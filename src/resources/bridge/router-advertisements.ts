/**
 * Router advertisements (RFC 4861): what comes from a container must not configure the node, and what configures the node
 * must go on doing so when it begins to forward.
 */

import { Fault } from '../../fault.ts';
import type { Log } from '../../log.ts';
import { type Connection, execute } from '../../netlink/connection.ts';
import { RT_TABLE_UNSPEC, RTPROT_RA } from '../../netlink/route/constants.ts';
import { acceptRaOf, isForwardingIpv6, type Link } from '../../netlink/route/link.ts';
import { decodeRoute, decodeRouteProtocol, listRoutes } from '../../netlink/route/route.ts';
import { findLinks } from '../links.ts';
import { ACCEPT_RA, closeToAdvertisements, readSysctl } from '../sysctl.ts';
import { isOwnBridge } from './bridge-link.ts';

/**
 * For a bridge that another program made. The node must take no advertisements from a bridge on which it is a gateway, unless
 * it leads to the outside. One that we make refuses them from the start. @throws Fault `io`, KernelError
 */
export function closeGatewayToAdvertisements(connection: Connection, bridge: Link, log: Log): void {
  if (acceptsStrayAdvertisements(connection, bridge)) closeToAdvertisements(bridge.name, log);
}

/**
 * @throws Fault `check` where a bridge that we made accepts advertisements; others' are seen to by ADD. One that forwards accepts
 * them with accept_ra=2 alone (ipv6_accept_ra in the kernel's include/net/ipv6.h).
 */
export function verifyAdvertisementsRefused(bridge: Link): void {
  const found = acceptRaOf(bridge) ?? 0;
  if (found === 0 || !isOwnBridge(bridge) || (found === 1 && isForwardingIpv6(bridge))) return;
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
