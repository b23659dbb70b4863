/** `-s NETWORK` and `-d NETWORK` of iptables over nf_tables: an address of the packet's header, under a mask, is compared. */

import type { Cidr } from '../../address/cidr.ts';
import { BITS, type Family, ipToBytes } from '../../address/ip.ts';
import { maskedNetwork, maskOf } from '../../address/mask.ts';
import * as nft from './constants.ts';
import type { Expression } from './expression.ts';
import { loadNetworkHeader } from './steps.ts';

/** Where the addresses stand in the header (RFC 791, RFC 8200). */
const OFFSET = { source: { 4: 12, 6: 8 }, destination: { 4: 16, 6: 24 } } as const;
export type End = keyof typeof OFFSET;

/** The network's host bits are clear. */
export function matchNetwork(end: End, network: Cidr): Expression[] {
  const { family } = network.ip;
  const mask = maskOf(network);
  const register = nft.NFT_REG_1;
  const { length } = mask;
  const masked: Expression = {
    name: 'bitwise',
    source: register,
    destination: register,
    length,
    mask,
    xor: new Uint8Array(length),
  };
  return [
    loadNetworkHeader(OFFSET[end][family], length),
    masked,
    { name: 'cmp', operator: nft.NFT_CMP_EQ, register, value: ipToBytes(network.ip) },
  ];
}

/**
 * The network that the rule compares that address with, as `matchNetwork` or iptables writes it: without a mask, and of whole bytes
 * no more of them than the mask has. Undefined where it does not, or asks for any other.
 */
export function networkAt(end: End, family: Family, expressions: readonly Expression[]): Cidr | undefined {
  const isLoad = (one: Expression) =>
    one.name === 'payload' && one.base === nft.NFT_PAYLOAD_NETWORK_HEADER && one.offset === OFFSET[end][family];
  const [load, next, last] = expressions.slice(expressions.findIndex(isLoad));
  const compare = next?.name === 'bitwise' ? last : next;
  if (load?.name !== 'payload' || !isLoad(load) || compare?.name !== 'cmp') return undefined;
  if (compare.operator !== nft.NFT_CMP_EQ || load.length > BITS[family] / 8) return undefined;
  const mask = next?.name === 'bitwise' ? next.mask : new Uint8Array(load.length).fill(0xff);
  return maskedNetwork(padded(compare.value, family), padded(mask, family));
}

function padded(bytes: Uint8Array, family: Family): Uint8Array {
  const whole = new Uint8Array(BITS[family] / 8);
  whole.set(bytes.subarray(0, whole.length));
  return whole;
}
