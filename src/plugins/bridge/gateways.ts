/** Gateways and default routes of an allocation, as the bridge plugin fills them in. */

import { type Cidr, firstValue, formatCidr } from '../../address/cidr.ts';
import type { Family, Ip } from '../../address/ip.ts';
import type { ContainerAddress } from '../../resources/addressing/addressing.ts';
import type { Route } from '../../schema/net.ts';
import type { Allocation } from '../allocation.ts';
import type { Settings } from './settings.ts';

/** What the main plugin makes of it: a gateway where IPAM named none, and the default routes that are asked for. */
export function withGateways(allocation: Allocation, settings: Settings): Allocation {
  if (!settings.isGateway) return allocation;
  const addresses = allocation.addresses.map(({ address, gateway }) => ({
    address,
    gateway: gateway ?? { family: address.ip.family, value: firstValue(address) + 1n },
  }));
  const routes = settings.isDefaultGateway ? withDefaultRoutes(allocation.routes, addresses) : allocation.routes;
  return { ...allocation, addresses, routes };
}

/** The bridge's own addresses: each gateway, with its subnet's length. */
export function gatewaysOf({ addresses }: Pick<Allocation, 'addresses'>): Cidr[] {
  const gateways = addresses.flatMap(({ address, gateway }) => gateway && [{ ip: gateway, prefix: address.prefix }]);
  const present = gateways.filter((gateway): gateway is { ip: Ip; prefix: number } => gateway !== undefined);
  return [...new Map(present.map((gateway) => [formatCidr(gateway), gateway])).values()];
}

export function familiesOf({ addresses }: Pick<Allocation, 'addresses'>): Set<Family> {
  return new Set(addresses.map(({ address }) => address.ip.family));
}

/** Those that packet filters see: without addresses it may be either. */
export function filteredFamilies(allocation: Pick<Allocation, 'addresses'>): ReadonlySet<Family> {
  return allocation.addresses.length === 0 ? new Set([4, 6]) : familiesOf(allocation);
}

/** One for each family that has an address and no default route yet. */
function withDefaultRoutes(routes: readonly Route[], addresses: readonly ContainerAddress[]): Route[] {
  const added: Route[] = [];
  for (const { address, gateway } of addresses) {
    const { family } = address.ip;
    const isDefault = ({ dst, table }: Route) => dst.prefix === 0 && dst.ip.family === family && table === undefined;
    if (gateway === undefined || [...routes, ...added].some(isDefault)) continue;
    added.push({ dst: { ip: { family, value: 0n }, prefix: 0 }, gw: gateway });
  }
  return [...routes, ...added];
}
