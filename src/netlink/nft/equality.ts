/** Whether two rules say the same, whichever program wrote them. */

import { sameBytes } from '../bytes.ts';
import { NFT_CMP_EQ, NFT_CMP_NEQ } from './constants.ts';
import type { Expression } from './expression.ts';

/** Whether two rules say the same. An unknown expression equals nothing. */
export function sameExpressions(some: readonly Expression[], others: readonly Expression[]): boolean {
  const [ours, theirs] = [withoutByteMasks(some), withoutByteMasks(others)];
  return ours.length === theirs.length && ours.every((one, at) => one.name !== 'unknown' && isSame(one, theirs[at]));
}

/**
 * nft compares a prefix of whole bytes without a mask, and loads no more than those bytes: for `ip daddr != 10.1.0.0/24`
 *
 *   [ payload load 3b @ network header + 16 => reg 1 ] [ cmp neq reg 1 0x0a0100 ]
 *
 * where we load four bytes, mask them with 0xffffff00, and compare with 0x0a010000. Both become the shorter form here.
 */
function withoutByteMasks(expressions: readonly Expression[]): Expression[] {
  const result: Expression[] = [];
  for (let at = 0; at < expressions.length; ) {
    const short = shortened(expressions.slice(at, at + 3));
    result.push(...(short ?? [expressions[at] as Expression]));
    at += short === undefined ? 1 : 3;
  }
  return result;
}

/** A load, a mask of whole leading bytes and a comparison, as a load of those bytes and a comparison. */
function shortened([load, masked, comparison]: readonly Expression[]): Expression[] | undefined {
  if (load?.name !== 'payload' || masked?.name !== 'bitwise' || comparison?.name !== 'cmp') return undefined;
  const { register, length } = load;
  const { mask, xor } = masked;
  const { operator, value } = comparison;
  const registers = [masked.source, masked.destination, comparison.register];
  const lengths = [masked.length, mask.length, xor.length, value.length];
  if (registers.some((one) => one !== register) || lengths.some((one) => one !== length)) return undefined;
  if (operator !== NFT_CMP_EQ && operator !== NFT_CMP_NEQ) return undefined;
  const kept = mask.lastIndexOf(0xff) + 1;
  const isOfBytes = kept > 0 && mask.every((byte, at) => byte === (at < kept ? 0xff : 0));
  // A value with bits outside the mask equals nothing.
  const isWithin = [...xor, ...value.subarray(kept)].every((byte) => byte === 0);
  if (!isOfBytes || !isWithin) return undefined;
  return [
    { ...load, length: kept },
    { ...comparison, value: value.subarray(0, kept) },
  ];
}

function isSame(one: unknown, other: unknown): boolean {
  if (one instanceof Uint8Array) return other instanceof Uint8Array && sameBytes(one, other);
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return one === other;
  return Object.entries(one).every(([field, value]) => isSame(value, (other as typeof one)[field as keyof typeof one]));
}
