/** The addresses of the node on a bridge, or on the gateway of a VLAN, which are the containers' gateways. */

import * as z from 'zod/mini';
import { type Cidr, containsIp, formatCidr, sameCidr } from '../../address/cidr.ts';
import { isUnicastMac } from '../../address/mac.ts';
import { Fault } from '../../fault.ts';
import { type Connection, execute } from '../../netlink/connection.ts';
import { isKernelError } from '../../netlink/error.ts';
import { addAddress, deleteAddress } from '../../netlink/route/address.ts';
import type { Link } from '../../netlink/route/link.ts';
import { setLinkMac } from '../../netlink/route/link-change.ts';
import { cidr, list, object, unsigned } from '../../schema/net.ts';
import { EADDRNOTAVAIL, EEXIST } from '../../sys/errno.ts';
import { verifyAddress } from '../addressing/verify-address.ts';
import { isOwnBridge } from '../bridge/bridge-link.ts';
import { findAddresses, findLink, findLinks, linkNamed } from '../links.ts';
import { bridgeMac } from '../names.ts';
import type { Node } from '../node.ts';
import { off } from '../off.ts';
import { findingOf, type Kind, nothingOwned } from '../resource.ts';
import { ensureSysctl } from '../sysctl.ts';
import { vlanGatewayName, vlanUsers } from '../vlan/vlan-gateway.ts';

export interface GatewayWanted {
  readonly bridge: string;
  /** The VLAN whose gateway has the addresses; absent where the bridge itself has them. */
  readonly vlan?: number | undefined;
  readonly addresses: readonly Cidr[];
  /** Another address gives way. */
  readonly force: boolean;
  /** The attachment's own port, which does not count as a user of another address. */
  readonly port: string;
}

/** The gateway addresses of an attachment's network. They stay with the bridge, as the reference's do. */
export const gatewayKind: Kind<GatewayWanted> = {
  name: 'gateway',
  schema: object(
    { bridge: z.string(), addresses: list(cidr), force: z.boolean(), port: z.string() },
    { vlan: unsigned(4094) },
  ),
  ensure(node, wanted) {
    const { route } = node;
    const { bridge: name, vlan, port, addresses, force } = wanted;
    const bridge = linkNamed(node, name);
    const gateway = vlan === undefined ? bridge : linkNamed(node, vlanGatewayName(name, vlan));
    const all = () => (vlan === undefined ? findLinks(route, bridge.index) : vlanUsers(route, bridge, gateway, vlan));
    const users = () => all().filter((user) => user.name !== port);
    ensureGateways(route, gateway, addresses, force, users);
  },
  verify: (node, wanted) => findingOf(() => verifyGateways(node, wanted)),
  survey: nothingOwned,
  able: () => undefined,
};

/** @throws Fault `check` unless the link has every address */
function verifyGateways({ route }: Node, { bridge, vlan, addresses }: GatewayWanted): void {
  const name = vlan === undefined ? bridge : vlanGatewayName(bridge, vlan);
  const what = vlan === undefined ? `the bridge ${name}` : `the VLAN gateway ${name}`;
  const link = findLink(route, name);
  if (link === undefined) throw off(`${what} is missing`);
  for (const address of addresses) verifyAddress(route, link, address, what);
}

/**
 * Gives the bridge, or a VLAN's gateway, each address that it lacks, IPv6 without duplicate address detection. An address
 * that would contradict it gives way where `force` says so, or where there are no `users` (ports that could use it).
 * @throws Fault `conflict` when one that would contradict it must stay, KernelError
 */
export function ensureGateways(
  connection: Connection,
  bridge: Link,
  gateways: readonly Cidr[],
  force: boolean,
  users: () => readonly Link[] = () => findLinks(connection, bridge.index),
): void {
  for (const gateway of gateways) {
    const present = findAddresses(connection, bridge.index, gateway.ip.family).map(({ address }) => address);
    if (present.some((address) => sameCidr(address, gateway))) continue;
    const others = present.filter((address) => !gateways.some((wanted) => sameCidr(wanted, address)));
    const contradicting = others.filter((address) => contradicts(address, gateway));
    if (contradicting.length > 0 && !force) {
      verifyMayGo(bridge, contradicting[0] as Cidr, gateway, users());
    }
    for (const address of contradicting) remove(connection, bridge, address);
    // Nodes may have IPv6 off for new links; the gateway is asked for explicitly.
    if (gateway.ip.family === 6) ensureSysctl(`ipv6/conf/${bridge.name}/disable_ipv6`, '0');
    add(connection, bridge, gateway);
    keepMac(connection, bridge);
  }
}

/** The containers know their gateway by its MAC, and one that nobody has given to a bridge follows the bridge's ports. */
function keepMac(connection: Connection, bridge: Link): void {
  if (bridge.kind !== 'bridge' || isOwnBridge(bridge)) return;
  const mac = isUnicastMac(bridge.mac) ? bridge.mac : bridgeMac(bridge.name);
  execute(connection, setLinkMac(bridge.index, mac));
}

/** As in the reference: a bridge has one network’s IPv4 addresses; several IPv6 ones if their subnets do not overlap. */
function contradicts(present: Cidr, gateway: Cidr): boolean {
  return gateway.ip.family === 4 || containsIp(present, gateway.ip) || containsIp(gateway, present.ip);
}

/** An address may go where nobody uses it and it is not somebody else's. @throws Fault `conflict` */
function verifyMayGo(bridge: Link, present: Cidr, gateway: Cidr, ports: readonly Link[]): void {
  if (ports.length > 0) throw otherAddress(bridge, present, gateway, inUseBy(bridge, ports));
  if (!isOwnBridge(bridge)) throw otherAddress(bridge, present, gateway, madeElsewhere(bridge, present));
}

function remove(connection: Connection, bridge: Link, address: Cidr): void {
  try {
    execute(connection, deleteAddress(bridge.index, address));
  } catch (error) {
    if (!isKernelError(error, EADDRNOTAVAIL)) throw error;
  }
}

function add(connection: Connection, bridge: Link, gateway: Cidr): void {
  try {
    execute(connection, addAddress(bridge.index, gateway, false));
  } catch (error) {
    if (!isKernelError(error, EEXIST)) throw error;
  }
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
