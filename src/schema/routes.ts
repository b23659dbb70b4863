/** A list of routes as the kernel's tables see it: which of them are one and the same, and which it would refuse. */

import { formatCidr, networkOf } from '../address/cidr.ts';
import { formatIp } from '../address/ip.ts';
import { Fault } from '../fault.ts';
import type { Route } from './net.ts';

/**
 * The table and the priority of a route that names none (RT_TABLE_MAIN in linux/rtnetlink.h, IP6_RT_PRIO_USER in
 * linux/ipv6_route.h).
 */
const MAIN_TABLE = 254;
const IPV6_PRIORITY = 1024;

/** The routes without those that say the same as an earlier one: the kernel answers EEXIST to the second. */
export function distinctRoutes(routes: readonly Route[]): readonly Route[] {
  if (routes.length < 2) return routes;
  const byKey = new Map<string, Route>();
  for (const route of routes) {
    const key = `${placeOf(route)} ${metricsOf(route)}`;
    if (!byKey.has(key)) byKey.set(key, route);
  }
  return byKey.size === routes.length ? routes : [...byKey.values()];
}

/**
 * Routes to one destination may differ in gateway, priority or table. `at` is the key that holds the routes.
 * @throws Fault `config` for a gateway of the other family; and for two IPv6 routes that differ in `mtu` or `advmss` alone,
 * of which the kernel keeps one (fib6_add_rt2node in net/ipv6/ip6_fib.c)
 */
export function verifyRoutes(routes: readonly Route[], at: string): void {
  const seen = new Map<string, { index: number; metrics: string }>();
  for (const [index, route] of routes.entries()) {
    const { dst, gw } = route;
    if (gw !== undefined && gw.family !== dst.ip.family) {
      throw refused(`${at}[${index}]: gw ${formatIp(gw)} is not of the family of dst ${formatCidr(dst)}`);
    }
    if (dst.ip.family !== 6) continue;
    const place = placeOf(route);
    const metrics = metricsOf(route);
    const other = seen.get(place);
    if (other !== undefined && other.metrics !== metrics) {
      const both = `${at}[${other.index}] and ${at}[${index}]`;
      throw refused(`${both}: two IPv6 routes to ${formatCidr(dst)} that differ in mtu or advmss alone`);
    }
    seen.set(place, { index, metrics });
  }
}

/** What the kernel finds a route by, gateway included. */
function placeOf({ dst, gw, priority, table, scope }: Route): string {
  const isV6 = dst.ip.family === 6;
  const metric = priority || (isV6 ? IPV6_PRIORITY : 0);
  // IPv6 has no scopes. An IPv4 route without a gateway gets the scope link where the attachment has no gateway either.
  const reach = isV6 ? '' : (scope ?? (gw === undefined ? 'implied' : 0));
  return [formatCidr(networkOf(dst)), gw && formatIp(gw), metric, table || MAIN_TABLE, reach].join(' ');
}

function metricsOf({ mtu = 0, advmss = 0 }: Route): string {
  return `${mtu} ${advmss}`;
}

function refused(reason: string): Fault {
  return new Fault('config', `cannot use the configuration: ${reason}`, {
    details: 'Correct the routes, or remove one of them.',
  });
}
