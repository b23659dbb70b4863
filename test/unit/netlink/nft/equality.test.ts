/** Rules that mean the same, in the forms in which we and nft write them, and rules that nearly do. */

import { describe, expect, test } from 'bun:test';
import { sameExpressions } from '../../../../src/netlink/nft/equality.ts';
import type { Bitwise, Cmp, Expression, Payload } from '../../../../src/netlink/nft/expression.ts';
import * as steps from '../../../../src/netlink/nft/steps.ts';

const LENGTH = { 4: 4, 6: 16 } as const;
const OFFSET = { 4: 16, 6: 24 } as const;
const FAMILIES = [4, 6] as const;

/** Bytes of which the first `bits` bits are set. */
const maskOf = (bits: number, length: number) =>
  Uint8Array.from({ length }, (_, at) => (0xff00 >> Math.min(Math.max(bits - at * 8, 0), 8)) & 0xff);
/** A prefix of that length, all of its bits set. */
const masked = (family: 4 | 6, bits: number): [Payload, Bitwise, Cmp] => {
  const mask = maskOf(bits, LENGTH[family]);
  const load = steps.loadNetworkHeader(OFFSET[family], LENGTH[family]);
  return [load, ...(steps.differsUnder(mask, mask) as [Bitwise, Cmp])];
};
/** The same without a mask: so many bytes. */
const loaded = (family: 4 | 6, bytes: number): [Payload, Cmp] => [
  steps.loadNetworkHeader(OFFSET[family], bytes),
  { ...masked(family, 8)[2], value: new Uint8Array(bytes).fill(0xff) },
];
const same = (one: readonly Expression[], other: readonly Expression[]) => {
  const answer = sameExpressions(one, other);
  expect(sameExpressions(other, one)).toBe(answer);
  return answer;
};

describe.each(FAMILIES)('a prefix of IPv%d', (family) => {
  const all = Array.from({ length: LENGTH[family] * 8 + 1 }, (_, bits) => bits);

  test('of whole bytes is what nft writes, which loads those alone, and of no other length', () => {
    for (const bits of all) {
      const own = [steps.notrack(), ...masked(family, bits), steps.masquerade()];
      for (const bytes of Array.from({ length: LENGTH[family] }, (_, at) => at + 1)) {
        const byNft = [steps.notrack(), ...loaded(family, bytes), steps.masquerade()];
        expect([bits, bytes, same(own, byNft)]).toEqual([bits, bytes, bytes * 8 === bits]);
      }
    }
  });

  test('differs from every other prefix length', () => {
    for (const bits of all)
      for (const other of all) expect(same(masked(family, bits), masked(family, other))).toBe(bits === other);
  });
});

const [load, mask, comparison] = masked(4, 24);
const of = (...bytes: number[]) => Uint8Array.from(bytes);

test.each<[string, Expression[]]>([
  ['a mask with a gap', [load, { ...mask, mask: of(255, 0, 255, 0) }, { ...comparison, value: of(255, 0, 255, 0) }]],
  ['a mask that begins later', [load, { ...mask, mask: of(0, 255, 255, 0) }, comparison]],
  ['a value with bits outside the mask', [load, mask, { ...comparison, value: of(255, 255, 255, 1) }]],
  ['another value', [load, mask, { ...comparison, value: of(255, 255, 254, 0) }]],
  ['flipped bits', [load, { ...mask, xor: of(0, 0, 1, 0) }, comparison]],
  ['flipped bits outside the mask', [load, { ...mask, xor: of(0, 0, 0, 1) }, comparison]],
  ['a mask of another register', [load, { ...mask, source: 2 }, comparison]],
  ['a mask into another register', [load, { ...mask, destination: 2 }, comparison]],
  ['a comparison of another register', [load, mask, { ...comparison, register: 2 }]],
  ['another comparison', [load, mask, { ...comparison, operator: 0 }]],
  ['a comparison of fewer bytes', [load, mask, { ...comparison, value: of(255, 255) }]],
  ['another offset', [{ ...load, offset: 12 }, mask, comparison]],
  ['another header', [{ ...load, base: 2 }, mask, comparison]],
  ['no comparison', [load, mask]],
])('%s is not the same', (_, other) => {
  expect(same(loaded(4, 3), other)).toBe(false);
  expect(same(masked(4, 24), other)).toBe(false);
});
