import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { VlanRange } from '../../../src/netlink/route/vlan.ts';
import { formatVlans, hasVlans, mergeVlans, tagged, untagged } from '../../../src/resources/vlan/vlan.ts';

const ENTRIES = fc.array(
  fc.oneof(
    fc.tuple(fc.integer({ min: 1, max: 40 }), fc.nat(9)).map(([first, more]) => tagged(first, first + more)),
    fc.integer({ min: 1, max: 40 }).map(untagged),
  ),
  { maxLength: 8 },
);

describe('merged VLANs', () => {
  test('are as many ranges as are needed', () => {
    expect(mergeVlans([tagged(5, 6), tagged(7, 9), tagged(3, 3)])).toEqual([tagged(3, 3), tagged(5, 9)]);
    expect(mergeVlans([tagged(1, 9), untagged(5)])).toEqual([tagged(1, 4), untagged(5), tagged(6, 9)]);
    expect(mergeVlans([untagged(5), tagged(5, 5)])).toEqual([tagged(5, 5)]);
    expect(mergeVlans([])).toEqual([]);
  });

  test('are the same VLANs, the later before the earlier, in order and apart', () => {
    fc.assert(
      fc.property(ENTRIES, (entries) => {
        const merged = mergeVlans(entries);
        expect(Object.fromEntries(each(merged))).toEqual(Object.fromEntries(each(entries)));
        for (const [at, { first, last, pvid }] of merged.entries()) {
          expect(last).toBeGreaterThanOrEqual(first);
          if (pvid) expect(last).toBe(first);
          if (at > 0) expect(first).toBeGreaterThan((merged[at - 1] as VlanRange).last);
        }
      }),
    );
  });
});

test('VLANs read as people write them', () => {
  const egress = { ...tagged(2, 3), untagged: true };
  expect(formatVlans([tagged(200, 210), untagged(1), egress])).toBe('1 (PVID, untagged), 2-3 (untagged), 200-210');
  expect(formatVlans([])).toBe('none');
});

describe('a port has the VLANs that are wanted', () => {
  const wanted = [untagged(100), tagged(200, 210)];
  const plain = { ...untagged(1), pvid: false };

  test.each<[string, VlanRange[], boolean, boolean]>([
    ['in ranges of its own', [tagged(200, 205), tagged(206, 210), untagged(100)], true, true],
    ['with the default one beside them, if that is kept', [plain, ...wanted], false, true],
    ['but not where one is missing', [untagged(100), tagged(200, 209)], false, false],
    ['but not where one is tagged that is not to be', [tagged(100, 100), tagged(200, 210)], false, false],
    ['but not where another one is untagged', [untagged(100), { ...tagged(200, 210), untagged: true }], false, false],
    ['but not where it is in none', [], false, false],
  ])('%s', (_, present, strictly, loosely) => {
    expect(hasVlans(present, { vlans: wanted, keepDefault: false })).toBe(strictly);
    expect(hasVlans(present, { vlans: wanted, keepDefault: true })).toBe(loosely);
  });

  test('whatever it has, where none are wanted', () => {
    expect(hasVlans([untagged(1)], { vlans: [], keepDefault: false })).toBe(true);
  });
});

function each(vlans: readonly VlanRange[]): [number, string][] {
  const ids = ({ first, last }: VlanRange) => Array.from({ length: last - first + 1 }, (_, at) => first + at);
  return vlans.flatMap((vlan) =>
    ids(vlan).map((id) => [id, `${vlan.pvid} ${vlan.untagged}`] satisfies [number, string]),
  );
}
