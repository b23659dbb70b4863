/** Finding and making the link of a bridge, and keeping it from router advertisements. */

import { formatMac } from '../../address/mac.ts';
import { Fault } from '../../fault.ts';
import { type Log, silentLog } from '../../log.ts';
import { type Connection, execute } from '../../netlink/connection.ts';
import { unlessRefused } from '../../netlink/error.ts';
import { RT_TABLE_UNSPEC, RTPROT_RA } from '../../netlink/route/constants.ts';
import {
  acceptRaOf,
  decodeLink,
  getLink,
  isForwardingIpv6,
  type Link,
  type LinkKey,
} from '../../netlink/route/link.ts';
import { createBridge, setLinkAlias, setLinkUp } from '../../netlink/route/link-change.ts';
import { decodeRoute, decodeRouteProtocol, listRoutes } from '../../netlink/route/route.ts';
import { EEXIST, ENODEV } from '../../sys/errno.ts';
import { findLink, findLinks } from '../links.ts';
import { BRIDGE_ALIAS, bridgeMac, GATEWAY_ALIAS } from '../names.ts';
import { acceptRaSysctl, closeToAdvertisements, preferSysctl, readSysctl } from '../sysctl.ts';
import { type BridgeOptions, ensureOptions } from './options.ts';

export interface BridgeSettings extends BridgeOptions {
  readonly name: string;
  /** Of a bridge that is created; one that exists keeps its own. */
  readonly mtu?: number | undefined;
}

const LOCALLY_ADMINISTERED = 0x02;

/**
 * Makes sure that the bridge is there and up. `found` is the bridge as it was found before, if it was there. Another process
 * may create it at the same time, or may have been killed after it did.
 * @throws Fault `conflict` when the name belongs to something that is no bridge, KernelError
 */
export function ensureBridge(
  connection: Connection,
  found: Link | undefined,
  settings: BridgeSettings,
  log: Log = silentLog,
): Link {
  const bridge = withLabel(connection, found ?? create(connection, settings));
  if (!bridge.up) bringUp(connection, bridge, log);
  const isChanged = ensureOptions(connection, bridge, settings, () => isOwnBridge(bridge));
  return (isChanged ? findLink(connection, bridge.index) : undefined) ?? bridge;
}

/** @returns undefined where there is none. @throws Fault `conflict` when the name belongs to something else */
export function findBridge(connection: Connection, name: string): Link | undefined {
  const link = findLink(connection, name);
  if (link !== undefined && link.kind !== 'bridge') throw notABridge(link);
  return link;
}

/**
 * Whether this plugin made the bridge, or the gateway of a VLAN. The alias says so; a bridge of 0.1.0, or one whose maker was
 * killed at once, has no alias, but has our MAC. (The bit "locally administered" of the MAC is tested first, which saves
 * reading the ID of the machine.)
 */
export function isOwnBridge({ name, mac, alias }: Pick<Link, 'name' | 'mac' | 'alias'>): boolean {
  if (alias === BRIDGE_ALIAS || alias === GATEWAY_ALIAS) return true;
  return ((mac[0] ?? 0) & LOCALLY_ADMINISTERED) !== 0 && formatMac(mac) === formatMac(bridgeMac(name));
}

/** Sets the parameters of an interface of ours, a bridge or the gateway of a VLAN, before it is set up. */
export function prepareOwn(name: string, log: Log): void {
  closeToAdvertisements(name, log);
  // The kernel resolves neighbours with the link-local address as the source, so that address must not be tentative.
  preferSysctl(`ipv6/conf/${name}/accept_dad`, '0');
}

/**
 * For a bridge that another program made: a node that is a gateway on it must take no router advertisements from it, unless it
 * leads to the outside. A bridge that we make refuses them from the start. @throws Fault `io`, KernelError
 */
export function closeGatewayToAdvertisements(connection: Connection, bridge: Link, log: Log): void {
  if (acceptsStrayAdvertisements(connection, bridge)) closeToAdvertisements(bridge.name, log);
}

/**
 * @throws Fault `check` where a bridge that we made accepts advertisements; ADD sees to other bridges. A bridge that forwards
 * accepts them with accept_ra=2 alone (ipv6_accept_ra in the kernel's include/net/ipv6.h).
 */
export function verifyAdvertisementsRefused(bridge: Link): void {
  const found = acceptRaOf(bridge) ?? 0;
  if (found === 0 || !isOwnBridge(bridge) || (found === 1 && isForwardingIpv6(bridge))) return;
  const name = `net.${acceptRaSysctl(bridge.name).replaceAll('/', '.')}`;
  throw new Fault('check', `the bridge ${bridge.name} accepts router advertisements: ${name} is ${found}, expected 0`, {
    details: `Any container could change the node's routes. "sysctl -w ${name}=0" puts an end to it, and so does the next ADD.`,
  });
}

/** The indexes of the interfaces that have a default route by a router's advertisement, in any table. @throws KernelError */
export function advertisedUplinks(connection: Connection): Set<number> {
  const routes = execute(connection, listRoutes(6, RT_TABLE_UNSPEC))[0] ?? [];
  const indexes = routes.flatMap(({ payload }) => {
    const route = decodeRouteProtocol(payload) === RTPROT_RA ? decodeRoute(payload) : undefined;
    return route?.dst.prefix === 0 ? [route.index] : [];
  });
  return new Set(indexes);
}

/**
 * Gives a bridge of ours its alias, which keeps it ours when the machine ID changes. An alias that the administrator gave it
 * stays.
 */
function withLabel(connection: Connection, bridge: Link): Link {
  if (bridge.alias !== undefined || !isOwnBridge(bridge)) return bridge;
  return label(connection, bridge.index) ?? bridge;
}

/** @returns the bridge, made here or by another process at the same time. @throws Fault `busy`, `conflict`, KernelError */
function create(connection: Connection, settings: BridgeSettings): Link {
  const { name } = settings;
  const bridge = isCreated(connection, settings) ? label(connection, name) : findBridge(connection, name);
  if (bridge !== undefined) return bridge;
  throw new Fault('busy', `cannot use the bridge ${name}: it was removed as soon as it was made`);
}

/** @returns false where it is there already */
function isCreated(connection: Connection, { name, mtu, vlanFiltering }: BridgeSettings): boolean {
  const request = createBridge({ name, mac: bridgeMac(name), mtu, vlanFiltering });
  return unlessRefused([EEXIST], () => execute(connection, request)) !== undefined;
}

/** Sets the alias. @returns the bridge after that; undefined where it is gone. @throws KernelError */
function label(connection: Connection, key: LinkKey): Link | undefined {
  const requests = [setLinkAlias(key, BRIDGE_ALIAS), getLink(key)];
  const reply = unlessRefused([ENODEV], () => execute(connection, ...requests)[1]?.[0]);
  return reply && decodeLink(reply.payload);
}

/** Sets the bridge up. One of ours gets its parameters before that; another program may have chosen other ones on purpose. */
function bringUp(connection: Connection, bridge: Link, log: Log): void {
  if (isOwnBridge(bridge)) prepareOwn(bridge.name, log);
  execute(connection, setLinkUp(bridge.index));
}

function notABridge({ name, kind, mac }: Link): Fault {
  const what = kind === undefined ? `an interface with the MAC ${formatMac(mac)}` : `a ${kind} interface`;
  return new Fault('conflict', `cannot use ${name} as a bridge: ${name} exists and is ${what}, not a bridge`, {
    details: `Set "bridge" to another name, or rename or remove ${name}.`,
  });
}

/**
 * Whether the bridge accepts advertisements, and leads to containers alone. Ports other than veths, such as network cards and
 * tunnels, may lead to a router.
 */
function acceptsStrayAdvertisements(connection: Connection, bridge: Link): boolean {
  const { name, index } = bridge;
  // A bridge of ours has 0, so that an ADD asks no more. A bridge that was just made has become 0 since it was read.
  if ((acceptRaOf(bridge) ?? 0) === 0 || readSysctl(acceptRaSysctl(name)) === '0') return false;
  const leadsOutside = findLinks(connection, index).some(({ kind }) => kind !== 'veth');
  return !leadsOutside && !advertisedUplinks(connection).has(index);
}
