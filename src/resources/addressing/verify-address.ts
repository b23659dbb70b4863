/** Comparing addresses and routes of a link with what is wanted. Only reads. */

import { type Cidr, formatCidr, networkOf, sameCidr } from '../../address/cidr.ts';
import { formatIp, sameIp } from '../../address/ip.ts';
import { type Connection, execute } from '../../netlink/connection.ts';
import { RT_TABLE_UNSPEC } from '../../netlink/route/constants.ts';
import type { Link } from '../../netlink/route/link.ts';
import { decodeRoutes, type LinkRoute, listRoutes } from '../../netlink/route/route.ts';
import type { Route } from '../../schema/net.ts';
import { findAddresses } from '../links.ts';
import { off } from '../off.ts';

/** @throws Fault `check` unless the link has the address; others beside it are nobody's business */
export function verifyAddress(connection: Connection, link: Pick<Link, 'index'>, address: Cidr, where: string): void {
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
