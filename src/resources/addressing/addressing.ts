/** What a container's interface gets: addresses, routes, and the parameters that must be set before it is up. */

import * as z from 'zod/mini';
import { type Cidr, formatCidr } from '../../address/cidr.ts';
import type { Family, Ip } from '../../address/ip.ts';
import { Fault } from '../../fault.ts';
import { execute, type Request } from '../../netlink/connection.ts';
import { isKernelError, type KernelError } from '../../netlink/error.ts';
import { addAddress } from '../../netlink/route/address.ts';
import type { Link } from '../../netlink/route/link.ts';
import { setArpNotify, setLinkUp } from '../../netlink/route/link-change.ts';
import { addRoute, type LinkRoute } from '../../netlink/route/route.ts';
import type { Route } from '../../schema/net.ts';
import { cidr, ip, list, object, route } from '../../schema/net.ts';
import { distinctRoutes } from '../../schema/routes.ts';
import { EHOSTUNREACH, ENETUNREACH } from '../../sys/errno.ts';
import { type Proc, withPrivateProc } from '../../sys/proc.ts';
import { findLink } from '../links.ts';
import { type Container, containerOf } from '../node.ts';
import { off } from '../off.ts';
import { findingOf, type Kind, nothingOwned } from '../resource.ts';
import { ensureSysctl, preferSysctl, setSysctl } from '../sysctl.ts';
import { awaitUniqueAddresses } from './duplicates.ts';
import { verifyAddress, verifyRoutes } from './verify-address.ts';

export interface ContainerAddress {
  readonly address: Cidr;
  readonly gateway?: Ip | undefined;
}

export interface Addressing {
  readonly addresses: readonly ContainerAddress[];
  readonly routes: readonly Route[];
  /** IPv6 duplicate address detection. */
  readonly detectDuplicates: boolean;
}

export interface AddressingWanted extends Addressing {
  readonly ifName: string;
}

/** Addresses and routes of the container's interface, which is up then. They go with the interface. */
export const addressingKind: Kind<AddressingWanted> = {
  name: 'addressing',
  schema: object({
    ifName: z.string(),
    addresses: list(object({ address: cidr }, { gateway: ip })),
    routes: list(route),
    detectDuplicates: z.boolean(),
  }),
  ensure(node, wanted) {
    const container = containerOf(node);
    const link = container.links.get(wanted.ifName) ?? findLink(container.route, wanted.ifName);
    if (link === undefined) throw new Fault('busy', `cannot configure ${wanted.ifName}: it was removed meanwhile`);
    configureInterface(container, link, wanted);
  },
  verify: (node, wanted) => findingOf(() => verifyAddressing(containerOf(node), wanted)),
  survey: nothingOwned,
  able: () => undefined,
};

/** @throws Fault `check` unless every address and route is there; others beside them are nobody's business */
function verifyAddressing({ route: connection }: Container, { ifName, addresses, routes }: AddressingWanted): void {
  const link = findLink(connection, ifName);
  if (link === undefined) throw off(`the interface ${ifName} is missing in the container`);
  for (const { address } of addresses) verifyAddress(connection, link, address, `${ifName} in the container`);
  verifyRoutes(connection, routes);
}

/**
 * Brings loopback and the interface up and gives it its addresses and routes, all in one exchange.
 * @throws Fault `config` when a route's gateway cannot be reached, `conflict` when somebody has an address, KernelError
 */
export function configureInterface(
  container: Container,
  link: Pick<Link, 'index' | 'name'>,
  addressing: Addressing,
): void {
  container.within(() => withPrivateProc((proc) => prepareInterface(link.name, addressing, proc)));
  try {
    execute(container.route, ...requestsFor(link, addressing));
  } catch (error) {
    throw isKernelError(error, ENETUNREACH, EHOSTUNREACH) ? unreachableGateway(error, addressing) : error;
  }
  if (addressing.detectDuplicates) awaitUniqueAddresses(container, link);
}

/** No router advertisement may configure a container, whoever sends it. Said before the interface is up. @throws Fault `io` */
export function refuseAdvertisements(container: Container, name: string): void {
  container.within(() => withPrivateProc((proc) => ensureNoAdvertisements(name, proc)));
}

function ensureNoAdvertisements(name: string, proc: Proc): void {
  setSysctl(`ipv6/conf/${name}/accept_ra`, '0', proc);
}

/** The routes as the interface gets them: one without a gateway goes through the gateway of its family. */
export function linkRoutes(index: number, { addresses, routes }: Addressing): LinkRoute[] {
  const complete = routes.map((route) => ({ ...route, gw: route.gw ?? gatewayOf(addresses, route.dst.ip.family) }));
  return distinctRoutes(complete).map(({ gw: gateway, ...route }) => ({ ...route, index, gateway }));
}

function gatewayOf(addresses: readonly ContainerAddress[], family: Family): Ip | undefined {
  return addresses.find(({ gateway }) => gateway?.family === family)?.gateway;
}

/** Runs in the container's netns, before the interface is up: later would be too late for each of these. */
function prepareInterface(name: string, { addresses, detectDuplicates }: Addressing, proc: Proc): void {
  ensureNoAdvertisements(name, proc);
  if (!addresses.some(({ address }) => address.ip.family === 6)) return;
  // Neighbours learn the MAC that an address has now, in case it had another container before.
  preferSysctl(`ipv6/conf/${name}/ndisc_notify`, '1', proc);
  // Otherwise IPv6 alone loses its addresses when somebody sets the interface down and up again.
  preferSysctl(`ipv6/conf/${name}/keep_addr_on_down`, '1', proc);
  if (!detectDuplicates) preferSysctl(`ipv6/conf/${name}/accept_dad`, '0', proc);
  for (const device of ['lo', name]) ensureSysctl(`ipv6/conf/${device}/disable_ipv6`, '0', proc);
}

/** IPv4 addresses before the interface is up (arp_notify, ndisc_notify for IPv4, tells of those), IPv6 ones after. */
function requestsFor(link: Pick<Link, 'index'>, addressing: Addressing): Request[] {
  const { addresses, detectDuplicates } = addressing;
  const addressesOf = (family: Family) =>
    addresses
      .filter(({ address }) => address.ip.family === family)
      .map(({ address }) => addAddress(link.index, address, detectDuplicates));
  const v4 = addressesOf(4);
  return [
    setLinkUp('lo'),
    ...(v4.length === 0 ? [] : [setArpNotify(link.index), ...v4]),
    setLinkUp(link.index),
    ...addressesOf(6),
    ...linkRoutes(link.index, addressing).map(addRoute),
  ];
}

function unreachableGateway(error: KernelError, { addresses }: Addressing): Fault {
  const subnets = addresses.map(({ address }) => formatCidr(address)).join(', ') || 'none';
  return new Fault('config', error.message, {
    cause: error,
    details: `The gateway of a route must be in a subnet of the interface; its addresses are: ${subnets}.`,
  });
}
