/** The addresses, routes and DNS that an attachment gets from IPAM. */

import type { Cidr } from '../address/cidr.ts';
import { type Delegation, delegateAdd } from '../cni/delegate.ts';
import type { BaseRequest } from '../cni/request.ts';
import {
  type Host,
  type IpamPlan,
  type IpamSection,
  leaseAddresses,
  type Owner,
  planIpam,
  readResolvConf,
  recordAttachment,
} from '../ipam/index.ts';
import type { ContainerAddress } from '../resources/addressing/addressing.ts';
import type { Dns, Route } from '../schema/net.ts';

export interface Allocation {
  readonly addresses: readonly ContainerAddress[];
  readonly routes: readonly Route[];
  readonly dns: Dns;
  /** The gateways of all ranges of the network, each with its subnet's prefix length; absent where they are not known. */
  readonly gateways?: readonly Cidr[];
}

/** IPAM plugins that release an address through the container's interface. */
const THROUGH_INTERFACE = ['dhcp'];

/** The plan of a request whose IPAM is done here. @throws Fault `config`, `address` */
export function planFor(request: BaseRequest & { readonly ipam: IpamSection }): IpamPlan {
  const { network, cniVersion, ipam: section, ipRanges, requestedIps: requested } = request;
  return planIpam({ network, cniVersion, section, ipRanges, requested });
}

/**
 * Like `planFor`, for a request that may have no IPAM here. @returns undefined for layer 2 only. @throws Fault `config`,
 * `address`
 */
export function planOf(request: BaseRequest & { readonly ipam: IpamSection | undefined }): IpamPlan | undefined {
  return request.ipam && planFor({ ...request, ipam: request.ipam });
}

/**
 * Leases what the plan asks for, and writes the attachment's record in any case, with the plan that `recordedPlan` makes of
 * the allocation. Nothing is left on failure. @throws what `leaseAddresses` throws, Fault `io`
 */
export function allocate(
  request: BaseRequest,
  plan: IpamPlan | undefined,
  owner: Owner,
  host: Host,
  recordedPlan: (allocation: Allocation) => Owner['plan'] = () => undefined,
): Allocation {
  if (plan === undefined) {
    const none = { addresses: [], routes: [], dns: dnsOf(request, {}) };
    recordAttachment(request.dataDir, { ...owner, plan: recordedPlan(none) }, host);
    return none;
  }
  // Read before anything is leased: a path that leads nowhere fails the ADD.
  const dns = plan.resolvConf === undefined ? undefined : readResolvConf(plan.resolvConf);
  const allocationOf = (addresses: readonly ContainerAddress[]) => ({
    addresses,
    routes: plan.routes,
    dns: dnsOf(request, dns ?? {}),
    gateways: plan.rangeSets.flatMap(({ ranges }) =>
      ranges.map(({ subnet, gateway }) => ({ ip: gateway, prefix: subnet.prefix })),
    ),
  });
  return allocationOf(leaseAddresses(plan, owner, host, (leases) => recordedPlan(allocationOf(leases))));
}

/** Has another plugin give the addresses. @throws DelegateError, Fault `delegate` */
export function allocateElsewhere(request: BaseRequest, delegation: Delegation): Allocation {
  const { ips, routes, dns } = delegateAdd(delegation);
  return { addresses: ips.map(({ address, gateway }) => ({ address, gateway })), routes, dns: dnsOf(request, dns) };
}

/** Whether the plugin must release the address before the interface goes. */
export function releasesThroughInterface(delegation: Delegation | undefined): boolean {
  return THROUGH_INTERFACE.includes(delegation?.type ?? '');
}

/**
 * The DNS of the result: the configuration's, if it says anything, else what IPAM gave. A list says something, even an empty
 * one.
 */
function dnsOf({ dns = {} }: BaseRequest, given: Dns): Dns {
  const { domain = '', ...lists } = dns;
  return domain !== '' || Object.values(lists).some((list) => list !== undefined) ? dns : given;
}
