/** The addresses, routes and DNS that an attachment gets from IPAM. */

import { type Cidr, firstValue, formatCidr } from '../../address/cidr.ts';
import type { Family, Ip } from '../../address/ip.ts';
import { type Delegation, delegateAdd } from '../../cni/delegate.ts';
import { type BaseRequest, dnsOf } from '../../cni/request.ts';
import {
  type Host,
  type IpamPlan,
  leaseAddresses,
  type Owner,
  planIpam,
  readResolvConf,
  recordAttachment,
} from '../../ipam/index.ts';
import type { ContainerAddress } from '../../resources/addressing/addressing.ts';
import type { Dns, Route } from '../../schema/net.ts';
import type { MainRequest } from './request.ts';
import type { Settings } from './settings.ts';

export interface Allocation {
  readonly addresses: readonly ContainerAddress[];
  readonly routes: readonly Route[];
  readonly dns: Dns;
}

/** The plan of a request whose IPAM is done here; undefined for layer 2 only. @throws Fault `config`, `address` */
export function planOf(request: MainRequest): IpamPlan | undefined {
  return request.ipam && planFor({ ...request, ipam: request.ipam });
}

/** @throws Fault `config`, `address` */
export function planFor(request: BaseRequest & { readonly ipam: NonNullable<MainRequest['ipam']> }): IpamPlan {
  const { network, cniVersion, ipam: section, ipRanges, requestedIps: requested } = request;
  return planIpam({ network, cniVersion, section, ipRanges, requested });
}

/** Leases what the plan asks for, and writes the attachment's record in any case. Nothing is left on failure. */
export function allocate(request: BaseRequest, plan: IpamPlan | undefined, owner: Owner, host: Host): Allocation {
  if (plan === undefined) {
    recordAttachment(request.dataDir, owner, host);
    return { addresses: [], routes: [], dns: dnsOf(request, {}) };
  }
  // Read before anything is leased: a path that leads nowhere fails the ADD.
  const dns = plan.resolvConf === undefined ? undefined : readResolvConf(plan.resolvConf);
  const leases = leaseAddresses(plan, owner, host);
  return { addresses: leases, routes: plan.routes, dns: dnsOf(request, dns ?? {}) };
}

/** Has another plugin give the addresses. @throws what `delegateAdd` throws */
export function allocateElsewhere(request: BaseRequest, delegation: Delegation): Allocation {
  const { ips, routes, dns } = delegateAdd(delegation);
  return { addresses: ips.map(({ address, gateway }) => ({ address, gateway })), routes, dns: dnsOf(request, dns) };
}

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
export function gatewaysOf({ addresses }: Allocation): Cidr[] {
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
