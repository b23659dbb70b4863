/** What the configuration asks of IPAM, checked and filled in: the range sets, and which address goes to which. */

import { type Cidr, firstValue, lastValue } from '../address/cidr.ts';
import { formatIp, type Ip, sameIp } from '../address/ip.ts';
import { Fault } from '../fault.ts';
import type { Route } from '../schema/net.ts';
import { dataDirOf, type IpamSection, type RangeSection } from './config.ts';
import {
  isBetween,
  isIn,
  planRange,
  type Range,
  type RangeSet,
  rangeText,
  refuseRanges,
  type Span,
  withoutSpan,
} from './ranges.ts';

interface IpamInputs {
  readonly network: string;
  readonly cniVersion: string;
  readonly section: IpamSection;
  /** The capability `ipRanges`; its range sets come first. */
  readonly ipRanges?: readonly (readonly RangeSection[])[] | undefined;
  /** From CNI_ARGS, `args.cni.ips` and the capability `ips`; the same address may come twice. */
  readonly requested: readonly Ip[];
}

export interface IpamPlan {
  readonly network: string;
  readonly dataDir: string;
  readonly rangeSets: readonly RangeSet[];
  readonly routes: readonly Route[];
  /** A path for `readResolvConf`; only ADD reads it. */
  readonly resolvConf: string | undefined;
  readonly requested: readonly { readonly ip: Ip; readonly rangeSet: number }[];
}

/** Limits, since each range is compared with each other one and with each exclusion; no network has as many. */
const MOST_RANGES = 1_000;
const MOST_EXCLUDED = 1_000;

type Labelled = readonly [range: RangeSection, label: string];

/**
 * Checks everything that can be checked without looking at the disk. Pure.
 * @throws Fault `config` that names range, key and value; `address` where a requested address cannot be given
 */
export function planIpam(inputs: IpamInputs): IpamPlan {
  const { section } = inputs;
  const labelled = labelledSets(inputs);
  verifyNumbers(labelled.flat().length, excluded(inputs).length);
  const filled = labelled.map((set) => set.map(([range, label]) => planRange(range, label)));
  verifySets(filled);
  verifyFamilies(filled, inputs.cniVersion);
  const rangeSets = filled.map((ranges, index) => usableSet(ranges, index, filled.flat(), excluded(inputs)));
  return {
    network: inputs.network,
    dataDir: dataDirOf(section),
    rangeSets,
    routes: section.routes ?? [],
    resolvConf: section.resolvConf === '' ? undefined : section.resolvConf,
    requested: assign(inputs.requested, rangeSets),
  };
}

/** The order of host-local, which numbers its cursors by it: `ipRanges`, then the old single range, then `ranges`. */
function labelledSets({ section, ipRanges }: IpamInputs): Labelled[][] {
  const { subnet } = section;
  const single: Labelled[][] = subnet === undefined ? [] : [[[{ ...section, subnet }, 'ipam']]];
  const sets = [...label(ipRanges, 'runtimeConfig.ipRanges'), ...single, ...label(section.ranges, 'ipam.ranges')];
  return sets.length > 0 ? sets : refuseRanges('ipam has neither subnet nor ranges, and runtimeConfig no ipRanges');
}

function label(sets: readonly (readonly RangeSection[])[] = [], at: string): Labelled[][] {
  return sets.map((set, i) => {
    if (set.length === 0) refuseRanges(`${at}[${i}] is empty: a range set holds at least one range`);
    return set.map((range, j) => [range, `${at}[${i}][${j}]`] as const);
  });
}

function verifyNumbers(ranges: number, exclusions: number): void {
  if (ranges > MOST_RANGES) refuseRanges(`there are ${ranges} ranges, and ${MOST_RANGES} can be used`);
  if (exclusions > MOST_EXCLUDED)
    refuseRanges(`exclude has ${exclusions} entries in all, and ${MOST_EXCLUDED} can be used; join neighbours`);
}

function verifySets(sets: readonly (readonly Range[])[]): void {
  for (const [first, ...others] of sets) {
    const stray = others.find((range) => range.family !== first?.family);
    if (stray !== undefined) {
      refuseRanges(
        `${stray.label} is IPv${stray.family}, but ${first?.label}, in the same set, is IPv${first?.family}`,
      );
    }
  }
  const all = sets.flat();
  for (const [at, a] of all.entries()) {
    const b = all
      .slice(at + 1)
      .find((other) => a.family === other.family && a.first <= other.last && other.first <= a.last);
    if (b !== undefined) refuseRanges(`${a.label} (${rangeText(a)}) overlaps ${b.label} (${rangeText(b)})`);
  }
}

/** Results before CNI 0.3.0 have room for one address a family. */
function verifyFamilies(sets: readonly (readonly Range[])[], cniVersion: string): void {
  if (!/^0\.[12]\./.test(cniVersion)) return;
  for (const family of [4, 6]) {
    const [, second] = sets.filter((set) => set[0]?.family === family);
    if (second === undefined) continue;
    refuseRanges(
      `${second[0]?.label} asks for a second IPv${family} address, and cniVersion ${cniVersion} has one a family`,
    );
  }
}

/** The exclusions of all ranges and of the section. */
function excluded({ section, ipRanges }: IpamInputs): readonly Cidr[] {
  const all: Cidr[] = [...(section.exclude ?? [])];
  for (const set of [...(ipRanges ?? []), ...(section.ranges ?? [])]) {
    for (const { exclude = [] } of set) all.push(...exclude);
  }
  return all;
}

function usableSet(ranges: readonly Range[], index: number, all: readonly Range[], exclude: readonly Cidr[]): RangeSet {
  const usable = ranges.map((range) => ({ ...range, spans: usableSpans(range, all, exclude) }));
  const family = (usable[0] as Range).family;
  if (usable.some((range) => range.spans.length > 0)) return { index, family, ranges: usable };
  return refuseRanges(`${usable[0]?.label} has no address left to hand out besides gateway and exclude`);
}

/** Without the network address, IPv4's broadcast address, every gateway of the configuration, and `exclude`. */
function usableSpans(range: Range, all: readonly Range[], exclude: readonly Cidr[]): readonly Span[] {
  const { subnet, family } = range;
  const one = (value: bigint) => ({ first: value, last: value });
  const holes = [
    one(firstValue(subnet)),
    ...(family === 4 ? [one(lastValue(subnet))] : []),
    ...all.filter(({ gateway }) => gateway.family === family).map(({ gateway }) => one(gateway.value)),
    ...exclude
      .filter(({ ip }) => ip.family === family)
      .map((cidr) => ({ first: firstValue(cidr), last: lastValue(cidr) })),
  ];
  let { spans } = range;
  for (const hole of holes) spans = withoutSpan(spans, hole);
  return spans;
}

/** Gives each requested address to the range set that it fits; a set takes one. @throws Fault `address` */
function assign(requested: readonly Ip[], sets: readonly RangeSet[]): { ip: Ip; rangeSet: number }[] {
  const given = new Map<number, Ip>();
  for (const ip of requested) {
    const set = sets.find(({ ranges }) => ranges.some((range) => isBetween(range, ip)));
    if (set === undefined) throw refused(ip, 'no range of the network holds it', sets);
    const other = given.get(set.index);
    if (other !== undefined && !sameIp(other, ip)) {
      throw refused(
        ip,
        `range set ${set.index} gives one address, and ${formatIp(other)} is requested of it too`,
        sets,
      );
    }
    if (sets.some(({ ranges }) => ranges.some((range) => sameIp(range.gateway, ip)))) {
      throw refused(ip, 'it is the gateway', sets);
    }
    if (!set.ranges.some((range) => range.spans.some((span) => isIn(span, ip.value)))) {
      throw refused(ip, 'it is excluded, or the network or broadcast address', sets);
    }
    given.set(set.index, ip);
  }
  return [...given].map(([rangeSet, ip]) => ({ ip, rangeSet }));
}

function refused(ip: Ip, reason: string, sets: readonly RangeSet[]): Fault {
  const ranges = sets.map((set) => set.ranges.map(rangeText).join(', ')).join('; ');
  return new Fault('address', `cannot give the requested address ${formatIp(ip)}: ${reason}`, {
    details: `Request another address, or none. The network hands out ${ranges}.`,
  });
}
