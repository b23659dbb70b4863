/** Sets up the container's interface: its addresses and routes. Afterwards it is up and reachable. */

import * as z from 'zod/mini';
import { type Cidr, formatCidr } from '../../address/cidr.ts';
import type { Family, Ip } from '../../address/ip.ts';
import { Fault } from '../../fault.ts';
import { execute, type Request } from '../../netlink/connection.ts';
import { isKernelError, type KernelError } from '../../netlink/error.ts';
import { addAddress } from '../../netlink/route/address.ts';
import type { Link } from '../../netlink/route/link.ts';
import { setArpNotify, setLinkMac, setLinkUp } from '../../netlink/route/link-change.ts';
import { addRoute, type LinkRoute } from '../../netlink/route/route.ts';
import { cidr, ip, list, object, type Route, route } from '../../schema/net.ts';
import { distinctRoutes } from '../../schema/routes.ts';
import { EHOSTUNREACH, ENETUNREACH } from '../../sys/errno.ts';
import { type Proc, withPrivateProc } from '../../sys/proc.ts';
import { findLink } from '../links.ts';
import { type Container, containerOf, type Node } from '../node.ts';
import { awaitForwarding } from '../port/await-forwarding.ts';
import { findingOf, type Kind, nothingOwned, off } from '../resource.ts';
import { ensureSysctl, preferSysctl, setSysctl } from '../sysctl.ts';
import { missingAddresses, missingRoutes, verifyAddress, verifyRoutes } from './presence.ts';
import { awaitUsable } from './usable-addresses.ts';

export interface ContainerAddress {
  readonly address: Cidr;
  readonly gateway?: Ip | undefined;
}

export interface AddressingWanted {
  readonly ifName: string;
  /** The name of the host veth, the bridge port at the other end. */
  readonly port: string;
  readonly addresses: readonly ContainerAddress[];
  readonly routes: readonly Route[];
  /** IPv6 duplicate address detection. */
  readonly detectDuplicates: boolean;
}

interface Ipv6Wanted {
  /** Whether the interface has an IPv6 address. */
  readonly isUsed: boolean;
  readonly detectDuplicates: boolean;
}

/** It goes with the interface, so there is nothing to remove. */
export const addressingKind: Kind<AddressingWanted> = {
  name: 'addressing',
  schema: object({
    ...{ ifName: z.string(), port: z.string() },
    addresses: list(object({ address: cidr }, { gateway: ip })),
    routes: list(route),
    detectDuplicates: z.boolean(),
  }),
  ensure: ensureAddressing,
  restore: restoreAddressing,
  verify: (node, wanted) => findingOf(() => verifyAddressing(containerOf(node), wanted)),
  survey: nothingOwned,
  able: () => undefined,
};

/** The routes as the interface gets them: a route without a gateway goes through the gateway of its family. */
export function linkRoutes(
  index: number,
  { addresses, routes }: Pick<AddressingWanted, 'addresses' | 'routes'>,
): LinkRoute[] {
  const complete = routes.map((route) => ({ ...route, gw: route.gw ?? gatewayOf(addresses, route.dst.ip.family) }));
  return distinctRoutes(complete).map(({ gw: gateway, ...route }) => ({ ...route, index, gateway }));
}

/** Keeps router advertisements, of any router, from configuring the container. @throws Fault `io` */
export function refuseAdvertisements(container: Container, name: string): void {
  withContainerProc(container, (proc) => turnOffAdvertisements(name, proc));
}

/**
 * Sets loopback and the interface up, waits until the bridge forwards, then gives the interface its addresses and routes and
 * announces the addresses. In this order, the bridge forwards the frames of duplicate address detection and the announcements.
 * Returns when all addresses are usable.
 * @throws Fault `config` when a route's gateway cannot be reached, `conflict` when another host has an address, `busy`;
 * KernelError
 */
function ensureAddressing(node: Node, wanted: AddressingWanted): void {
  const container = containerOf(node);
  const { ifName, addresses, detectDuplicates } = wanted;
  const link = container.links.get(ifName) ?? findLink(container.route, ifName);
  if (link === undefined) throw new Fault('busy', `cannot configure ${ifName}: it was removed meanwhile`);
  prepareInterface(container, ifName, { isUsed: addresses.some(isFamily(6)), detectDuplicates });
  execute(container.route, setLinkUp('lo'), setLinkUp(link.index));
  awaitForwarding(node, wanted.port);
  giveAddresses(container, link, wanted, linkRoutes(link.index, wanted));
  const ipv6 = addresses.filter(isFamily(6)).map(({ address }) => address.ip);
  awaitUsable(container, link, { addresses: ipv6, detectDuplicates });
}

/** Sets the IPv6 parameters of the interface. @throws Fault `io` */
function prepareInterface(container: Container, name: string, ipv6: Ipv6Wanted): void {
  withContainerProc(container, (proc) => {
    turnOffAdvertisements(name, proc);
    if (!ipv6.isUsed) return;
    // Neighbours learn the MAC that an address has after duplicate address detection, or a later change of the MAC.
    preferSysctl(`ipv6/conf/${name}/ndisc_notify`, '1', proc);
    // Otherwise IPv6 alone loses its addresses when the interface is set down and up again.
    preferSysctl(`ipv6/conf/${name}/keep_addr_on_down`, '1', proc);
    if (!ipv6.detectDuplicates) preferSysctl(`ipv6/conf/${name}/accept_dad`, '0', proc);
    for (const device of ['lo', name]) ensureSysctl(`ipv6/conf/${device}/disable_ipv6`, '0', proc);
  });
}

/**
 * Gives an interface that exists the addresses and routes that it lacks, and sets it up; what else it has stays.
 * @throws Fault `check` where the interface is gone, and what `ensureAddressing` throws
 */
function restoreAddressing(node: Node, wanted: AddressingWanted): void {
  const container = containerOf(node);
  const { ifName, addresses, detectDuplicates } = wanted;
  const link = container.links.get(ifName) ?? findLink(container.route, ifName);
  if (link === undefined) throw off(`the interface ${ifName} is missing in the container`);
  prepareInterface(container, ifName, { isUsed: addresses.some(isFamily(6)), detectDuplicates });
  execute(container.route, setLinkUp('lo'), setLinkUp(link.index));
  awaitForwarding(node, wanted.port);
  const missing = missingAddresses(container.route, link, wanted.addresses);
  giveAddresses(container, link, { ...wanted, addresses: missing }, []);
  const lost = missingRoutes(container.route, wanted.routes);
  giveAddresses(container, link, { ...wanted, addresses: [] }, linkRoutes(link.index, { addresses, routes: lost }));
  const ipv6 = missing.filter(isFamily(6)).map(({ address }) => address.ip);
  awaitUsable(container, link, { addresses: ipv6, detectDuplicates });
}

function giveAddresses(
  container: Container,
  link: Pick<Link, 'index' | 'mac'>,
  wanted: AddressingWanted,
  routes: readonly LinkRoute[],
): void {
  const requests = addressRequests(link, wanted, routes);
  if (requests.length === 0) return;
  try {
    execute(container.route, ...requests);
  } catch (error) {
    throw isKernelError(error, ENETUNREACH, EHOSTUNREACH) ? unreachableGateway(error, wanted.addresses) : error;
  }
}

/**
 * Setting the MAC, also to what it is, makes the kernel announce all addresses of the interface (NETDEV_CHANGEADDR), by ARP
 * with arp_notify, by neighbour advertisements with ndisc_notify: an address may have had another MAC before.
 */
function addressRequests(
  link: Pick<Link, 'index' | 'mac'>,
  wanted: AddressingWanted,
  routes: readonly LinkRoute[],
): Request[] {
  const { addresses, detectDuplicates } = wanted;
  return [
    ...(addresses.some(isFamily(4)) ? [setArpNotify(link.index)] : []),
    ...addresses.map(({ address }) => addAddress(link.index, address, detectDuplicates)),
    ...routes.map(addRoute),
    ...(addresses.length > 0 ? [setLinkMac(link.index, link.mac)] : []),
  ];
}

function gatewayOf(addresses: readonly ContainerAddress[], family: Family): Ip | undefined {
  return addresses.find(({ gateway }) => gateway?.family === family)?.gateway;
}

function isFamily(family: Family): (address: ContainerAddress) => boolean {
  return ({ address }) => address.ip.family === family;
}

function unreachableGateway(error: KernelError, addresses: readonly ContainerAddress[]): Fault {
  const subnets = addresses.map(({ address }) => formatCidr(address)).join(', ') || 'none';
  return new Fault('config', error.message, {
    cause: error,
    details: `The gateway of a route must be in a subnet of the interface; its addresses are: ${subnets}.`,
  });
}

function turnOffAdvertisements(name: string, proc: Proc): void {
  setSysctl(`ipv6/conf/${name}/accept_ra`, '0', proc);
}

/** Runs `act` in the container's network namespace, with a proc mount of its own. */
function withContainerProc(container: Container, act: (proc: Proc) => void): void {
  container.within(() => withPrivateProc(act));
}

/** @throws Fault `check` unless every address and route is there; there may be more of them */
function verifyAddressing(
  { route: connection, links }: Container,
  { ifName, addresses, routes }: AddressingWanted,
): void {
  const link = links.get(ifName) ?? findLink(connection, ifName);
  if (link === undefined) throw off(`the interface ${ifName} is missing in the container`);
  for (const { address } of addresses) verifyAddress(connection, link, address, `${ifName} in the container`);
  verifyRoutes(connection, routes);
}
