/** Ranges and picking against a model so simple that it is plainly right: a list of all addresses, walked one by one. */

import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { type Cidr, containsIp, firstValue, lastValue } from '../../../src/address/cidr.ts';
import { BITS, type Family, formatIp, type Ip } from '../../../src/address/ip.ts';
import { Fault } from '../../../src/fault.ts';
import type { RangeSection } from '../../../src/ipam/config.ts';
import { planIpam } from '../../../src/ipam/plan.ts';
import { countIn, pickNext, type RangeSet, sizeOf, type Taken } from '../../../src/ipam/ranges.ts';

interface Case {
  readonly family: Family;
  readonly ranges: readonly RangeSection[];
  readonly exclude: readonly Cidr[];
}

const BASE: Record<Family, bigint> = { 4: 0x0a01_0000n, 6: 0xfd00n << 112n };

/** A few small subnets side by side, each cut down at random, with holes. */
const cases: fc.Arbitrary<Case> = fc.constantFrom<Family>(4, 6).chain((family) =>
  fc.record({
    family: fc.constant(family),
    ranges: fc
      .array(fc.integer({ min: 2, max: 6 }), { minLength: 1, maxLength: 3 })
      .chain((hostBits) => fc.tuple(...hostBits.map((bits, at) => range(family, bits, at)))),
    exclude: fc.array(
      fc
        .record({ offset: fc.integer({ min: 0, max: 255 }), bits: fc.integer({ min: 0, max: 4 }) })
        .map(({ offset, bits }) => ({
          ip: { family, value: BASE[family] + BigInt(offset) },
          prefix: BITS[family] - bits,
        })),
      { maxLength: 4 },
    ),
  }),
);

function range(family: Family, hostBits: number, at: number): fc.Arbitrary<RangeSection> {
  const first = BASE[family] + BigInt(at * 64);
  const subnet = { ip: { family, value: first }, prefix: BITS[family] - hostBits };
  const inside = fc.option(
    fc.integer({ min: 0, max: 2 ** hostBits - 1 }).map((n) => ({ family, value: first + BigInt(n) })),
    {
      nil: undefined,
    },
  );
  return fc
    .record({ subnet: fc.constant(subnet), rangeStart: inside, rangeEnd: inside, gateway: inside })
    .map((section) => {
      const { rangeStart: a, rangeEnd: b } = section;
      return a !== undefined && b !== undefined && a.value > b.value
        ? { ...section, rangeStart: b, rangeEnd: a }
        : section;
    });
}

/** Everything that may be handed out, in order, straight from the rules in words. */
function model({ family, ranges, exclude }: Case): Ip[][] {
  const gateways = ranges.map(({ subnet, gateway }) => gateway?.value ?? firstValue(subnet) + 1n);
  return ranges.map(({ subnet, rangeStart, rangeEnd }) => {
    const all = Array.from(
      { length: Number(lastValue(subnet) - firstValue(subnet)) + 1 },
      (_, n) => firstValue(subnet) + BigInt(n),
    );
    const usable = all.filter(
      (value) =>
        value !== firstValue(subnet) &&
        !(family === 4 && value === lastValue(subnet)) &&
        value >= (rangeStart?.value ?? 0n) &&
        value <= (rangeEnd?.value ?? lastValue(subnet)) &&
        !gateways.includes(value) &&
        !exclude.some((cidr) => containsIp(cidr, { family, value })),
    );
    return usable.map((value) => ({ family, value }));
  });
}

/** Round robin in words: what follows the last one in its range, then the ranges after it, round to itself. */
function modelOrder(testCase: Case, last: Ip | undefined): Ip[] {
  const pools = model(testCase);
  const at = testCase.ranges.findIndex((section) => last !== undefined && isBetween(section, last));
  if (last === undefined || at < 0) return pools.flat();
  const current = pools[at] as Ip[];
  const after = current.filter(({ value }) => value > last.value);
  const before = current.filter(({ value }) => value <= last.value);
  return [after, ...pools.slice(at + 1), ...pools.slice(0, at), before].flat();
}

function isBetween({ subnet, rangeStart, rangeEnd }: RangeSection, { value }: Ip): boolean {
  const end = subnet.ip.family === 4 ? lastValue(subnet) - 1n : lastValue(subnet);
  return value >= (rangeStart?.value ?? firstValue(subnet) + 1n) && value <= (rangeEnd?.value ?? end);
}

/** undefined where the plan rightly refuses: nothing is left, or a range ends before it starts. */
function planned(testCase: Case): RangeSet | undefined {
  const section = { type: 'x', ranges: [[...testCase.ranges]], exclude: [...testCase.exclude] };
  const pools = model(testCase);
  try {
    return planIpam({ network: 'n', cniVersion: '1.0.0', section, requested: [] }).rangeSets[0];
  } catch (error) {
    const reason = error instanceof Fault ? error.message : '';
    if (reason.includes('no address left') && pools.flat().length === 0) return undefined;
    if (reason.includes('is after rangeEnd') && pools.some((pool) => pool.length === 0)) return undefined;
    throw error;
  }
}

function takenOf(ips: Iterable<Ip>): Taken & { probes: number; reads: number } {
  const names = new Set([...ips].map(formatIp));
  return {
    probes: 0,
    reads: 0,
    has(ip) {
      this.probes++;
      return names.has(formatIp(ip));
    },
    all() {
      this.reads++;
      return names;
    },
  };
}

describe('against the model', () => {
  test('the same addresses may be handed out', () => {
    fc.assert(
      fc.property(cases, (testCase) => {
        const set = planned(testCase);
        if (set === undefined) return;
        const usable = set.ranges.flatMap(({ spans }) => spans);
        const values = usable.flatMap(({ first, last }) =>
          Array.from({ length: Number(last - first) + 1 }, (_, n) => first + BigInt(n)),
        );
        expect(values).toEqual(
          model(testCase)
            .flat()
            .map(({ value }) => value),
        );
        expect(sizeOf(usable)).toBe(BigInt(values.length));
      }),
      { numRuns: 3000 },
    );
  });

  test('the same address is next, whatever is taken and wherever the last one was', () => {
    const marks = fc.array(fc.nat(191), { maxLength: 192 });
    const lasts = fc.option(fc.nat(255), { nil: undefined });
    fc.assert(
      fc.property(cases, marks, lasts, (testCase, offsets, lastOffset) => {
        const set = planned(testCase);
        if (set === undefined) return;
        const at = (offset: number): Ip => ({ family: testCase.family, value: BASE[testCase.family] + BigInt(offset) });
        const taken = offsets.map(at);
        const last = lastOffset === undefined ? undefined : at(lastOffset);
        const expected = modelOrder(testCase, last).find((ip) => !taken.some(({ value }) => value === ip.value));
        const pick = pickNext(set, last, takenOf(taken));
        expect(pick?.ip.value).toBe(expected?.value);
        if (pick !== undefined) expect(containsIp(pick.range.subnet, pick.ip)).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });

  test('a range set gives exactly as many addresses as the model counts, each once, and the first again after all others', () => {
    fc.assert(
      fc.property(cases, (testCase) => {
        const set = planned(testCase);
        if (set === undefined) return;
        const total = model(testCase).flat().length;
        const given: Ip[] = [];
        for (let pick = pickNext(set, undefined, takenOf([])); pick !== undefined; ) {
          given.push(pick.ip);
          pick = pickNext(set, pick.ip, takenOf(given));
        }
        expect(given).toHaveLength(total);
        expect(new Set(given.map(formatIp)).size).toBe(total);
        expect(countIn(set, given)).toBe(BigInt(total));
        expect(pickNext(set, given.at(-1), takenOf(given.slice(1)))?.ip).toEqual(given[0] as Ip);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('the cost follows what is taken, not what there is', () => {
  const set = (subnet: string) => {
    const [address, prefix] = subnet.split('/') as [string, string];
    const family: Family = address.includes(':') ? 6 : 4;
    const section = {
      type: 'x',
      ranges: [[{ subnet: { ip: { family, value: BASE[family] & ~0xffffffn }, prefix: Number(prefix) } }]],
    };
    return planIpam({ network: 'n', cniVersion: '1.0.0', section, requested: [] }).rangeSets[0] as RangeSet;
  };

  test.each(['10.0.0.0/8', 'fd00::/64'])(
    '%s: one look where the next is free, one reading of all where many are taken',
    (subnet) => {
      const whole = set(subnet);
      const first = whole.ranges[0]?.first as bigint;
      const run = Array.from({ length: 2000 }, (_, n) => ({ family: whole.family, value: first + BigInt(n) }));
      const free = takenOf([]);
      expect(pickNext(whole, run[10], free)?.ip.value).toBe(first + 11n);
      expect([free.probes, free.reads]).toEqual([1, 0]);
      const crowded = takenOf(run);
      expect(pickNext(whole, undefined, crowded)?.ip.value).toBe(first + 2000n);
      expect(crowded.probes).toBeLessThan(100);
      expect(crowded.reads).toBe(1);
    },
  );

  test('the last free address of a /16 is found in one reading', () => {
    const whole = set('10.0.0.0/16');
    const { first, last } = whole.ranges[0] as { first: bigint; last: bigint };
    const all = Array.from({ length: Number(last - first) + 1 }, (_, n) => ({
      family: 4 as const,
      value: first + BigInt(n),
    }));
    const taken = takenOf(all.filter(({ value }) => value !== first + 40_000n));
    expect(pickNext(whole, all[40_001], taken)?.ip.value).toBe(first + 40_000n);
    expect(taken.reads).toBe(1);
    expect(pickNext(whole, all[5], takenOf(all))).toBeUndefined();
  });
});
