/** Which addresses and routes an interface has, and which of the wanted ones it lacks. */

import { type Cidr, formatCidr, networkOf, sameCidr } from '../../address/cidr.ts';
import { formatIp, sameIp } from '../../address/ip.ts';
import { type Connection, execute } from '../../netlink/connection.ts';
import { RT_TABLE_UNSPEC } from '../../netlink/route/constants.ts';
import type { Link } from '../../netlink/route/link.ts';
import { decodeRoutes, type LinkRoute, listRoutes } from '../../netlink/route/route.ts';
import type { Route } from '../../schema/net.ts';
import { findAddresses } from '../links.ts';
import { off } from '../resource.ts';

/** @throws Fault `check` unless the link has the address; it may have others */
export function verifyAddress(connection: Connection, link: Pick<Link, 'index'>, address: Cidr, where: string): void {
  const present = findAddresses(connection, link.index, address.ip.family);
  const found = present.find((other) => sameCidr(other.address, address));
  if (found?.duplicate)
    throw off(`the address ${formatCidr(address)} of ${where} is in use by another host on the bridge`);
  if (found !== undefined) return;
  const list = present.map((other) => formatCidr(other.address)).join(', ') || 'none';
  throw off(`the address ${formatCidr(address)} of ${where} is missing; it has ${list}`);
}

/** @throws Fault `check` unless each route is there, in any table (chained plugins move routes) */
export function verifyRoutes(connection: Connection, routes: readonly Route[]): void {
  const [missing] = missingRoutes(connection, routes);
  if (missing !== undefined) throw off(`the route ${routeText(missing)} is missing in the container`);
}

/** Those of the addresses that the link lacks. @throws KernelError */
export function missingAddresses<Wanted extends { readonly address: Cidr }>(
  connection: Connection,
  { index }: Pick<Link, 'index'>,
  wanted: readonly Wanted[],
): Wanted[] {
  const families = new Set(wanted.map(({ address }) => address.ip.family));
  const present = [...families].flatMap((family) => findAddresses(connection, index, family));
  return wanted.filter(({ address }) => !present.some((other) => sameCidr(other.address, address)));
}

/** Those of the routes that are in no table. @throws KernelError */
export function missingRoutes(connection: Connection, routes: readonly Route[]): Route[] {
  return ([4, 6] as const).flatMap((family) => {
    const wanted = routes.filter(({ dst }) => dst.ip.family === family);
    if (wanted.length === 0) return [];
    const replies = execute(connection, listRoutes(family, RT_TABLE_UNSPEC))[0] ?? [];
    const present = replies.flatMap(({ payload }) => decodeRoutes(payload));
    return wanted.filter((route) => !present.some((other) => isSameRoute(other, route)));
  });
}

function isSameRoute(present: LinkRoute, { dst, gw }: Route): boolean {
  const sameGateway = gw === undefined || (present.gateway !== undefined && sameIp(present.gateway, gw));
  return sameCidr(networkOf(present.dst), networkOf(dst)) && sameGateway;
}

function routeText({ dst, gw }: Route): string {
  return `${formatCidr(dst)}${gw === undefined ? '' : ` via ${formatIp(gw)}`}`;
}
