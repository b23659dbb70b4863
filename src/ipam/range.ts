/** One range of addresses with everything filled in that the configuration left out, as host-local fills it in. */

import { type Cidr, containsIp, firstValue, formatCidr, lastValue } from '../address/cidr.ts';
import { BITS, type Family, formatIp, type Ip } from '../address/ip.ts';
import { Fault } from '../fault.ts';
import type { RangeSection } from './config.ts';
import type { Span } from './span.ts';

export interface Range extends Span {
  /** Where it stands in the configuration: `ipam.ranges[0][1]`. */
  readonly label: string;
  readonly family: Family;
  readonly subnet: Cidr;
  readonly gateway: Ip;
  /** What may be handed out, ascending and disjoint. Filled by the plan, which knows every gateway. */
  readonly spans: readonly Span[];
}

/** Fills in a range. @throws Fault `config` that names the key and its value */
export function planRange(section: RangeSection, label: string): Range {
  const { subnet } = section;
  verifySubnet(subnet, label);
  const { family } = subnet.ip;
  const first = section.rangeStart === undefined ? firstValue(subnet) + 1n : inside('rangeStart', section, label);
  const last = section.rangeEnd === undefined ? lastUsable(subnet) : inside('rangeEnd', section, label);
  if (first > last) refuseRanges(`${label}.rangeStart ${text(family, first)} is after rangeEnd ${text(family, last)}`);
  const gateway = section.gateway ?? { family, value: firstValue(subnet) + 1n };
  if (gateway.family !== family) {
    refuseRanges(`${label}.gateway ${formatIp(gateway)} is not of the family of subnet ${formatCidr(subnet)}`);
  }
  return { label, family, subnet, gateway, first, last, spans: [{ first, last }] };
}

function verifySubnet(subnet: Cidr, label: string): void {
  const longest = BITS[subnet.ip.family] - 2;
  if (subnet.prefix > longest) {
    refuseRanges(`${label}.subnet ${formatCidr(subnet)} is too small: its length may be /${longest} at most`);
  }
  const value = firstValue(subnet);
  if (subnet.ip.value === value) return;
  const meant = `${text(subnet.ip.family, value)}/${subnet.prefix}`;
  refuseRanges(`${label}.subnet ${formatCidr(subnet)} has host bits set: the network is ${meant}`);
}

function inside(key: 'rangeStart' | 'rangeEnd', section: RangeSection, label: string): bigint {
  const ip = section[key] as Ip;
  if (containsIp(section.subnet, ip)) return ip.value;
  return refuseRanges(`${label}.${key} ${formatIp(ip)} is outside of subnet ${formatCidr(section.subnet)}`);
}

/** The address before the broadcast address; IPv6 has none. */
function lastUsable(subnet: Cidr): bigint {
  return subnet.ip.family === 4 ? lastValue(subnet) - 1n : lastValue(subnet);
}

function text(family: Family, value: bigint): string {
  return formatIp({ family, value });
}

/** "10.1.0.5-10.1.0.9", as host-local prints a range. */
export function rangeText(range: Range): string {
  return `${text(range.family, range.first)}-${text(range.family, range.last)}`;
}

/** @throws Fault `config` */
export function refuseRanges(complaint: string): never {
  throw new Fault('config', `cannot use the address ranges: ${complaint}`, {
    details: 'Correct the key in the network configuration, or in the runtime configuration that overrides it.',
  });
}
