/** Ranges of addresses, sets of them, and the next free address of a set. Pure. */

import { type Cidr, containsIp, firstValue, formatCidr, lastValue } from '../address/cidr.ts';
import { BITS, type Family, formatIp, type Ip } from '../address/ip.ts';
import { Fault } from '../fault.ts';
import type { RangeSection } from './config.ts';

export interface Span {
  readonly first: bigint;
  readonly last: bigint;
}

export interface Range extends Span {
  /** Where it stands in the configuration: `ipam.ranges[0][1]`. */
  readonly label: string;
  readonly family: Family;
  readonly subnet: Cidr;
  readonly gateway: Ip;
  /** What may be handed out, ascending and disjoint. Filled by the plan, which knows every gateway. */
  readonly spans: readonly Span[];
}

/** One address is leased from each range set; its ranges are pools, tried in order. */
export interface RangeSet {
  /** Its place in the whole list: host-local's `last_reserved_ip.<index>`. */
  readonly index: number;
  readonly family: Family;
  readonly ranges: readonly Range[];
}

/** A free address of a range set. */
export interface PickedAddress {
  readonly ip: Ip;
  readonly range: Range;
}

/** The addresses that are taken: one address at a time, or all of them at once by their canonical text. */
export interface Taken {
  has(ip: Ip): boolean;
  all(): ReadonlySet<string>;
}

/** How many addresses are looked at one by one before all names are read: about as dear as reading a small directory. */
const PROBES = 64;

type Stretch = Span & { readonly range: Range };

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

/**
 * Picks round robin as host-local does: from the address after `last`, through the rest of its range and the ranges after it,
 * around to `last` itself; from the start where `last` is in no range of the set.
 *
 * The cost follows the number of taken addresses, not the size of the set: after PROBES single looks, all taken addresses are
 * read at once, and each further step passes one of them. @returns undefined where no address is free
 */
export function pickNext(set: RangeSet, last: Ip | undefined, taken: Taken): PickedAddress | undefined {
  let probes = 0;
  let names: ReadonlySet<string> | undefined;
  for (const { range, first, last: end } of inTurn(set, last)) {
    for (let value = first; value <= end; value++) {
      const ip = { family: set.family, value };
      if (probes++ === PROBES) names = taken.all();
      if (!(names === undefined ? taken.has(ip) : names.has(formatIp(ip)))) return { ip, range };
    }
  }
  return undefined;
}

/** The range that holds an address of the set. */
export function rangeOf(set: RangeSet, ip: Ip): Range | undefined {
  return set.ranges.find((range) => isBetween(range, ip));
}

/** Whether the address lies between the ends of the range, handed out or not. */
export function isBetween(range: Range, ip: Ip): boolean {
  return range.family === ip.family && isIn(range, ip.value);
}

/** Whether the address, as a number, lies in the span. */
export function isIn(span: Span, value: bigint): boolean {
  return value >= span.first && value <= span.last;
}

/** How many addresses the set may hand out. */
export function sizeOfSet(set: RangeSet): bigint {
  return set.ranges.reduce((sum, { spans }) => sum + sizeOf(spans), 0n);
}

/** How many of the addresses the set may hand out. */
export function countIn(set: RangeSet, ips: readonly Ip[]): bigint {
  const spans = set.ranges.flatMap((range) => range.spans);
  const own = ips.filter((ip) => ip.family === set.family && spans.some((span) => isIn(span, ip.value)));
  return BigInt(own.length);
}

/** How many addresses the spans hold. */
export function sizeOf(spans: readonly Span[]): bigint {
  return spans.reduce((sum, span) => sum + span.last - span.first + 1n, 0n);
}

/** `spans` (ascending, disjoint) without the addresses of `hole`. */
export function withoutSpan(spans: readonly Span[], hole: Span): Span[] {
  return spans.flatMap((span) => {
    if (hole.last < span.first || hole.first > span.last) return [span];
    const left = { first: span.first, last: hole.first - 1n };
    const right = { first: hole.last + 1n, last: span.last };
    return [left, right].filter((rest) => rest.first <= rest.last);
  });
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

/** The stretches of the set in the order in which `pickNext` tries them. */
function inTurn(set: RangeSet, last: Ip | undefined): Stretch[] {
  const at = last === undefined ? -1 : set.ranges.findIndex((range) => isBetween(range, last));
  const current = set.ranges[at];
  if (last === undefined || current === undefined) return set.ranges.flatMap((range) => stretches(range));
  const others = [...set.ranges.slice(at + 1), ...set.ranges.slice(0, at)];
  return [
    ...stretches(current, last.value + 1n, current.last),
    ...others.flatMap((range) => stretches(range)),
    ...stretches(current, current.first, last.value),
  ];
}

function stretches(range: Range, first = range.first, last = range.last): Stretch[] {
  return range.spans.flatMap((span) => {
    const clipped = clipSpan(span, first, last);
    return clipped === undefined ? [] : [{ ...clipped, range }];
  });
}

/** The part of `span` between two addresses, inclusive; undefined where there is none. */
function clipSpan(span: Span, first: bigint, last: bigint): Span | undefined {
  const clipped = { first: first > span.first ? first : span.first, last: last < span.last ? last : span.last };
  return clipped.first <= clipped.last ? clipped : undefined;
}
