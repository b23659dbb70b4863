/** Comparing an attachment's links, addresses and routes with what ADD made of them. Only reads. */

import { type Cidr, formatCidr, networkOf } from '../address/cidr.ts';
import { formatIp, sameIp } from '../address/ip.ts';
import { formatMac } from '../address/mac.ts';
import { Fault } from '../fault.ts';
import { type Connection, execute } from '../netlink/connection.ts';
import { RT_TABLE_UNSPEC } from '../netlink/route/constants.ts';
import type { Link } from '../netlink/route/link.ts';
import { decodeRoutes, type LinkRoute, listRoutes } from '../netlink/route/route.ts';
import type { Route } from '../schema/net.ts';
import { findBridge } from './bridge/bridge.ts';
import { sameCidr } from './gateway/gateway.ts';
import { findAddresses, findLink } from './links.ts';

const REMAKE = 'Something changed it after ADD. Restarting the container (DEL and ADD) makes it anew.';

export interface ExpectedBridge {
  readonly name: string;
  readonly promiscuous: boolean;
  readonly gateways: readonly Cidr[];
}

/** @throws Fault `check` unless the bridge is there, up, as promiscuous as asked for, and has the gateway addresses */
export function verifyBridge(connection: Connection, { name, promiscuous, gateways }: ExpectedBridge): Link {
  const bridge = findBridge(connection, name);
  if (bridge === undefined) throw off(`the bridge ${name} is missing`);
  if (!bridge.up) throw off(`the bridge ${name} is down, expected up`);
  if (promiscuous && !bridge.promiscuous) throw off(`promiscuous mode of the bridge ${name} is off, expected on`);
  for (const gateway of gateways) verifyAddress(connection, bridge, gateway, `the bridge ${name}`);
  return bridge;
}

export interface ExpectedPort {
  readonly name: string;
  readonly hairpin: boolean;
  readonly isolated: boolean;
  readonly mtu: number | undefined;
}

/** @throws Fault `check` unless the host veth is there, up, and a port of the bridge as it was set up */
export function verifyHostVeth(connection: Connection, bridge: Link, expected: ExpectedPort): Link {
  const link = findLink(connection, expected.name);
  if (link === undefined) throw off(`the host veth ${expected.name} is missing`);
  if (link.kind !== 'veth') throw off(`${link.name} is no veth but ${link.kind ?? 'a device'}`);
  if (!link.up) throw off(`the host veth ${link.name} is down, expected up`);
  if (link.master !== bridge.index)
    throw off(`the host veth ${link.name} is not a port of ${bridge.name}: ${masterText(connection, link)}`);
  if (expected.mtu !== undefined && link.mtu !== expected.mtu) {
    throw off(`the MTU of ${link.name} is ${link.mtu}, expected ${expected.mtu}`);
  }
  if (expected.hairpin && !link.port?.hairpin) throw off(`hairpin mode of ${link.name} is off, expected on`);
  if (expected.isolated && !link.port?.isolated) throw off(`port isolation of ${link.name} is off, expected on`);
  return link;
}

export interface ExpectedInterface {
  readonly name: string;
  readonly up: boolean;
  readonly mac: string | undefined;
}

/** @throws Fault `check` unless the container's interface is there, up, the other end of `host`, and has its MAC */
export function verifyContainerInterface(connection: Connection, host: Link, expected: ExpectedInterface): Link {
  const link = findLink(connection, expected.name);
  if (link === undefined) throw off(`the interface ${expected.name} is missing in the container`);
  if (link.up !== expected.up) {
    throw off(`the interface ${link.name} in the container is ${upText(link.up)}, expected ${upText(expected.up)}`);
  }
  if (link.kind !== 'veth' || link.peer !== host.index || host.peer !== link.index) {
    throw off(`the interface ${link.name} in the container is not the other end of ${host.name}`);
  }
  const mac = formatMac(link.mac);
  if (expected.mac !== undefined && expected.mac.toLowerCase() !== mac) {
    throw off(`the MAC of ${link.name} in the container is ${mac}, expected ${expected.mac}`);
  }
  return link;
}

/** @throws Fault `check` unless the link has the address; others beside it are nobody's business */
export function verifyAddress(connection: Connection, link: Link, address: Cidr, where: string): void {
  const present = findAddresses(connection, link.index, address.ip.family);
  const found = present.find((other) => sameCidr(other.address, address));
  if (found?.duplicate)
    throw off(`the address ${formatCidr(address)} of ${where} is in use by another host on the bridge`);
  if (found !== undefined) return;
  const list = present.map((other) => formatCidr(other.address)).join(', ') || 'none';
  throw off(`the address ${formatCidr(address)} of ${where} is missing; it has ${list}`);
}

/** @throws Fault `check` unless each route is there, in whatever table (chained plugins move them) */
export function verifyRoutes(connection: Connection, routes: readonly Route[]): void {
  for (const family of [4, 6] as const) {
    const wanted = routes.filter(({ dst }) => dst.ip.family === family);
    if (wanted.length === 0) continue;
    const replies = execute(connection, listRoutes(family, RT_TABLE_UNSPEC))[0] ?? [];
    const present = replies.flatMap(({ payload }) => decodeRoutes(payload));
    const missing = wanted.find((route) => !present.some((other) => isSameRoute(other, route)));
    if (missing !== undefined) throw off(`the route ${routeText(missing)} is missing in the container`);
  }
}

function isSameRoute(present: LinkRoute, { dst, gw }: Route): boolean {
  const sameGateway = gw === undefined || (present.gateway !== undefined && sameIp(present.gateway, gw));
  return sameCidr(networkOf(present.dst), networkOf(dst)) && sameGateway;
}

function routeText({ dst, gw }: Route): string {
  return `${formatCidr(dst)}${gw === undefined ? '' : ` via ${formatIp(gw)}`}`;
}

function masterText(connection: Connection, { master }: Link): string {
  const other = master === undefined ? undefined : findLink(connection, master);
  return other === undefined ? 'it is on no bridge' : `it is a port of ${other.name}`;
}

function upText(up: boolean): string {
  return up ? 'up' : 'down';
}

/** What CHECK found. */
export function off(finding: string): Fault {
  return new Fault('check', finding, { details: REMAKE });
}
