/** IPAM that another plugin does, as part of an attachment. */

import { type Delegation, delegateAdd } from '../../cni/delegate.ts';
import type { BaseRequest } from '../../cni/request.ts';
import type { IpamPlan } from '../../ipam/index.ts';
import { type Allocation, dnsOf, planFor } from '../allocation.ts';
import type { MainRequest } from './request.ts';

/** IPAM plugins that give an address back through the container's interface. */
const THROUGH_INTERFACE = ['dhcp'];

/** Whether the plugin must release the address before the interface goes. */
export function releasesThroughInterface(delegation: Delegation | undefined): boolean {
  return THROUGH_INTERFACE.includes(delegation?.type ?? '');
}

/** The plan of a request whose IPAM is done here; undefined for layer 2 only. @throws Fault `config`, `address` */
export function planOf(request: MainRequest): IpamPlan | undefined {
  return request.ipam && planFor({ ...request, ipam: request.ipam });
}

/** Has another plugin give the addresses. @throws what `delegateAdd` throws */
export function allocateElsewhere(request: BaseRequest, delegation: Delegation): Allocation {
  const { ips, routes, dns } = delegateAdd(delegation);
  return { addresses: ips.map(({ address, gateway }) => ({ address, gateway })), routes, dns: dnsOf(request, dns) };
}
