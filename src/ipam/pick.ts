/** Picking: which free address of a range set is next. Pure; what is taken is asked for. */

import { formatIp, type Ip } from '../address/ip.ts';
import type { RangeSet } from './plan.ts';
import type { Range } from './range.ts';
import { clipSpan, type Span, sizeOf } from './span.ts';

export interface Pick {
  readonly ip: Ip;
  readonly range: Range;
}

/** What is taken: one address at a time, or all of them at once, by their canonical text. */
export interface Taken {
  has(ip: Ip): boolean;
  all(): ReadonlySet<string>;
}

/** So many addresses are looked at one by one before all names are read: about as dear as reading a small directory. */
const PROBES = 64;

/**
 * Round robin as host-local does it: from the address after `last`, through the rest of its range and the ranges after
 * it, around to `last` itself; from the start where `last` is of no range of the set.
 *
 * The cost follows the addresses that are taken, not those that the set holds: after a few, the taken ones are read at
 * once, and each further step passes one of them. @returns undefined where none is free
 */
export function pickNext(set: RangeSet, last: Ip | undefined, taken: Taken): Pick | undefined {
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

/** How many addresses the set may ever hand out. */
export function sizeOfSet(set: RangeSet): bigint {
  return set.ranges.reduce((sum, { spans }) => sum + sizeOf(spans), 0n);
}

/** How many of the addresses are of the set's. */
export function countIn(set: RangeSet, ips: readonly Ip[]): bigint {
  const spans = set.ranges.flatMap((range) => range.spans);
  const own = ips.filter((ip) => ip.family === set.family && spans.some((span) => isIn(span, ip.value)));
  return BigInt(own.length);
}

type Stretch = Span & { readonly range: Range };

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

function isBetween(range: Range, ip: Ip): boolean {
  return range.family === ip.family && isIn(range, ip.value);
}

function isIn(span: Span, value: bigint): boolean {
  return value >= span.first && value <= span.last;
}
