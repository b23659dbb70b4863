/** The addresses of the node on a bridge, or on the gateway of a VLAN, which are the containers' gateways. */

import * as z from 'zod/mini';
import { type Cidr, containsIp, formatCidr, isLinkLocal, sameCidr } from '../../address/cidr.ts';
import { sameIp } from '../../address/ip.ts';
import { isUnicastMac } from '../../address/mac.ts';
import { Fault } from '../../fault.ts';
import { type Connection, execute } from '../../netlink/connection.ts';
import { unlessRefused } from '../../netlink/error.ts';
import { addAddress, deleteAddress } from '../../netlink/route/address.ts';
import type { Link } from '../../netlink/route/link.ts';
import { setLinkMac } from '../../netlink/route/link-change.ts';
import { cidr, list, object, unsigned } from '../../schema/net.ts';
import { EADDRNOTAVAIL, EEXIST } from '../../sys/errno.ts';
import { verifyAddress } from '../addressing/presence.ts';
import { awaitUsable } from '../addressing/usable-addresses.ts';
import { isOwnBridge } from '../bridge/bridge-link.ts';
import { allowsIpv6, bridgeTooSmall } from '../bridge/mtu.ts';
import { findAddresses, findLink, findLinks, knownLink, linkNamed } from '../links.ts';
import { bridgeMac } from '../names.ts';
import type { Node } from '../node.ts';
import { findingOf, type Kind, nothingOwned, off } from '../resource.ts';
import { ensureSysctl } from '../sysctl.ts';
import { vlanGatewayName } from '../vlan/gateway-pair.ts';
import { vlanUsers } from '../vlan/vlan.ts';
import { findOverlap } from './overlap.ts';

interface GatewayWanted {
  readonly bridge: string;
  /** The VLAN whose gateway has the addresses; absent where the bridge itself has them. */
  readonly vlan?: number | undefined;
  readonly addresses: readonly Cidr[];
  /** Gateways of the network's other ranges, which contradict none of `addresses`. */
  readonly siblings?: readonly Cidr[] | undefined;
  /** An address that contradicts one of `addresses` is removed, even if ports use it. */
  readonly force: boolean;
  /** The attachment's own port, which does not count as a user of another address. */
  readonly port: string;
}

/** The gateway addresses of an attachment's network. They stay with the bridge, as the reference's do. */
export const gatewayKind: Kind<GatewayWanted> = {
  name: 'gateway',
  schema: object(
    { bridge: z.string(), addresses: list(cidr), force: z.boolean(), port: z.string() },
    { vlan: unsigned(4094), siblings: list(cidr) },
  ),
  ensure(node, wanted) {
    const { route } = node;
    const { bridge: name, vlan, port } = wanted;
    const bridge = linkNamed(node, name);
    const gateway = vlan === undefined ? bridge : linkNamed(node, vlanGatewayName(name, vlan));
    const all = () => (vlan === undefined ? findLinks(route, bridge.index) : vlanUsers(route, bridge, gateway, vlan));
    const users = () => all().filter((user) => user.name !== port);
    const added = ensureGateways(route, gateway, wanted, users);
    const addresses = added.filter(({ ip }) => ip.family === 6).map(({ ip }) => ip);
    awaitUsable(node, gateway, { addresses, detectDuplicates: false });
    const overlap = findOverlap(route, gateway, added);
    if (overlap !== undefined) node.log('warn', `${overlap.message}. ${overlap.details}`);
  },
  verify: (node, wanted) => findingOf(() => verifyGateways(node, wanted)),
  survey: nothingOwned,
  able({ route }, { bridge, vlan, addresses }) {
    const link = findLink(route, vlan === undefined ? bridge : vlanGatewayName(bridge, vlan));
    const isBridge = link !== undefined && vlan === undefined; // ADD raises the MTU of a VLAN's gateway
    const isTooSmall = isBridge && !allowsIpv6(link) && addresses.some(({ ip }) => ip.family === 6);
    return isTooSmall ? bridgeTooSmall(link) : findOverlap(route, link, addresses);
  },
};

/**
 * Gives the bridge, or a VLAN's gateway, each address that it lacks, IPv6 without duplicate address detection. An address that
 * would contradict it is removed where `force` says so, or where there are no `users` (ports that could use it).
 * @returns the addresses that were added. @throws Fault `conflict` when a contradicting address must stay, KernelError
 */
export function ensureGateways(
  connection: Connection,
  bridge: Link,
  { addresses, siblings = [], force }: Pick<GatewayWanted, 'addresses' | 'siblings' | 'force'>,
  users: () => readonly Link[] = () => findLinks(connection, bridge.index),
): readonly Cidr[] {
  const added: Cidr[] = [];
  const own = [...addresses, ...siblings];
  for (const gateway of addresses) {
    const present = findAddresses(connection, bridge.index, gateway.ip.family).map(({ address }) => address);
    if (present.some((address) => sameCidr(address, gateway))) continue;
    const resized = present.find(({ ip }) => sameIp(ip, gateway.ip));
    if (resized !== undefined && isEnough(resized, gateway) && users().length > 0) continue;
    const others = present.filter((address) => address !== resized && !own.some((one) => sameCidr(one, address)));
    const contradicting = others.filter((address) => contradicts(address, gateway));
    if (contradicting.length > 0 && !force) {
      verifyMayGo(bridge, contradicting[0] as Cidr, gateway, users());
    }
    for (const address of contradicting) remove(connection, bridge, address);
    if (gateway.ip.family === 6) enableIpv6(bridge);
    if (resized === undefined) add(connection, bridge, gateway);
    else resize(connection, bridge, resized, gateway, users);
    keepMac(connection, bridge);
    added.push(gateway);
  }
  return added;
}

/** @throws Fault `check` unless the link has every address */
function verifyGateways(node: Node, { bridge, vlan, addresses }: GatewayWanted): void {
  const { route } = node;
  const name = vlan === undefined ? bridge : vlanGatewayName(bridge, vlan);
  const what = vlan === undefined ? `the bridge ${name}` : `the VLAN gateway ${name}`;
  const link = knownLink(node, name);
  if (link === undefined) throw off(`${what} is missing`);
  for (const address of addresses) {
    const { family } = address.ip;
    const isThere = family === 6 && findAddresses(route, link.index, 6).some((one) => isEnough(one.address, address));
    if (!isThere) verifyAddress(route, link, address, what);
  }
}

/** Turns IPv6 on, since nodes may have it off for new links. @throws Fault `conflict`, `io` */
function enableIpv6(bridge: Link): void {
  if (!allowsIpv6(bridge)) throw bridgeTooSmall(bridge);
  ensureSysctl(`ipv6/conf/${bridge.name}/disable_ipv6`, '0', undefined, 'ipv6/conf/default/disable_ipv6');
}

/**
 * Gives the bridge the same address for a subnet of another size. IPv4 addresses of both lengths stand beside each other for
 * as long as the bridge is in use. An interface has an IPv6 address only once, so that of the larger subnet replaces the other
 * in one datagram.
 */
function resize(
  connection: Connection,
  bridge: Link,
  present: Cidr,
  gateway: Cidr,
  users: () => readonly Link[],
): void {
  if (gateway.ip.family === 6) {
    execute(connection, deleteAddress(bridge.index, present), addAddress(bridge.index, gateway, false));
    return;
  }
  add(connection, bridge, gateway);
  if (isOwnBridge(bridge) && users().length === 0) remove(connection, bridge, present);
}

/**
 * Whether an IPv6 address for a larger subnet serves for the smaller one, too: containers of the larger subnet may still be
 * there.
 */
function isEnough(present: Cidr, gateway: Cidr): boolean {
  return gateway.ip.family === 6 && sameIp(present.ip, gateway.ip) && present.prefix <= gateway.prefix;
}

/**
 * Sets the MAC that the bridge has. The containers cache the MAC of their gateway, and a bridge whose MAC is not set takes the
 * lowest MAC of its ports.
 */
function keepMac(connection: Connection, bridge: Link): void {
  if (bridge.kind !== 'bridge' || isOwnBridge(bridge)) return;
  const mac = isUnicastMac(bridge.mac) ? bridge.mac : bridgeMac(bridge.name);
  execute(connection, setLinkMac(bridge.index, mac));
}

/**
 * As in the reference: a bridge has one network's IPv4 addresses; several IPv6 ones if their subnets do not overlap. Link-local
 * addresses, one of which the kernel makes for each link, are unique on a link and contradict nothing.
 */
function contradicts(present: Cidr, gateway: Cidr): boolean {
  if (isLinkLocal(present.ip)) return false;
  return gateway.ip.family === 4 || containsIp(present, gateway.ip) || containsIp(gateway, present.ip);
}

/** An address may be removed where no port uses it and the bridge is our own. @throws Fault `conflict` */
function verifyMayGo(bridge: Link, present: Cidr, gateway: Cidr, ports: readonly Link[]): void {
  if (ports.length > 0) throw otherAddress(bridge, present, gateway, inUseBy(bridge, ports));
  if (!isOwnBridge(bridge)) throw otherAddress(bridge, present, gateway, madeElsewhere(bridge, present));
}

function remove(connection: Connection, bridge: Link, address: Cidr): void {
  unlessRefused([EADDRNOTAVAIL], () => execute(connection, deleteAddress(bridge.index, address)));
}

function add(connection: Connection, bridge: Link, gateway: Cidr): void {
  unlessRefused([EEXIST], () => execute(connection, addAddress(bridge.index, gateway, false)));
}

function otherAddress({ name }: Link, present: Cidr, wanted: Cidr, details: string): Fault {
  const message = `cannot give ${name} the gateway address ${formatCidr(wanted)}: it has ${formatCidr(present)} already`;
  return new Fault('conflict', message, { details });
}

function inUseBy(bridge: Link, ports: readonly Link[]): string {
  const shown = ports.slice(0, 5).map((port) => port.name);
  const more = ports.length > shown.length ? ` and ${ports.length - shown.length} more` : '';
  const then = isOwnBridge(bridge) ? 'When they are gone it gets the new address by itself; ' : '';
  return (
    `Was the network's subnet changed? ${bridge.name} is in use by ${shown.join(', ')}${more}. ${then}` +
    '"forceAddress": true replaces it at once, and cuts them off. Or give the network a "bridge" of its own.'
  );
}

function madeElsewhere({ name }: Link, present: Cidr): string {
  return (
    `${name} was not made by this plugin, so its address stays. "ip address delete ${formatCidr(present)} dev ${name}" ` +
    'makes way, and so does "forceAddress": true. Or give the network a "bridge" of its own.'
  );
}
