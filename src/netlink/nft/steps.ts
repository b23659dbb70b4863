/** The steps that rules of ours are made of, in nft's notation, as expressions. All work on register 1. */

import { type Cidr, maskedNetwork, maskOf } from '../../address/cidr.ts';
import { BITS, type Family, ipToBytes } from '../../address/ip.ts';
import { cString, readCString } from '../bytes.ts';
import * as nft from './constants.ts';
import type {
  Bitwise,
  Cmp,
  Expression,
  Extension,
  Immediate,
  Lookup,
  Masq,
  Meta,
  Payload,
  Plain,
  Verdict,
} from './expression.ts';

const REGISTER = nft.NFT_REG_1;

/** Where the addresses stand in the header (RFC 791, RFC 8200). */
const OFFSET = { source: { 4: 12, 6: 8 }, destination: { 4: 16, 6: 24 } } as const;
type End = keyof typeof OFFSET;

/** `meta nfproto PROTO`: packets of one family in an inet table. */
export function matchFamily(nfproto: number): Expression[] {
  return [loadMeta(nft.NFT_META_NFPROTO), compare(nft.NFT_CMP_EQ, Uint8Array.of(nfproto))];
}

/** `iifname NAME` or `oifname NAME`: as iptables writes it, with the name's NUL and no more. */
export function matchInterface(direction: 'in' | 'out', name: string): Expression[] {
  const key = direction === 'in' ? nft.NFT_META_IIFNAME : nft.NFT_META_OIFNAME;
  return [loadMeta(key), compare(nft.NFT_CMP_EQ, cString(name))];
}

/** The interface whose whole name the two expressions compare with, as those of `matchInterface` do; undefined for others. */
export function interfaceOf(
  load: Expression | undefined,
  comparison: Expression | undefined,
): { readonly direction: 'in' | 'out'; readonly name: string } | undefined {
  if (load?.name !== 'meta' || comparison?.name !== 'cmp') return undefined;
  const { operator, value } = comparison;
  if (operator !== nft.NFT_CMP_EQ || value.at(-1) !== 0) return undefined;
  if (load.key !== nft.NFT_META_IIFNAME && load.key !== nft.NFT_META_OIFNAME) return undefined;
  return { direction: load.key === nft.NFT_META_IIFNAME ? 'in' : 'out', name: readCString(value) };
}

/** The verdict that the rule gives by itself; undefined where it gives none, or looks it up. */
export function verdictOf(expressions: readonly Expression[]): Verdict | undefined {
  for (const one of expressions) if (one.name === 'immediate' && one.verdict !== undefined) return one.verdict;
  return undefined;
}

/** A match of iptables with its own data, as iptables-nft puts it into a rule. */
export function matchExtension(extension: string, revision: number, info: Uint8Array): Extension {
  return { name: 'match', extension, revision, info };
}

/** `meta KEY` into the register. In a bridge table, NFT_META_IIFNAME is the port that a frame came in by. */
export function loadMeta(key: number): Meta {
  return { name: 'meta', key, register: REGISTER };
}

/** Bytes of the network header. */
export function loadNetworkHeader(offset: number, length: number): Payload {
  return { name: 'payload', base: nft.NFT_PAYLOAD_NETWORK_HEADER, offset, length, register: REGISTER };
}

/** Bytes of the link header. In register 2 they are the second part of a key whose first part is in register 1. */
export function loadLinkHeader(offset: number, length: number, register: number = REGISTER): Payload {
  return { name: 'payload', base: nft.NFT_PAYLOAD_LL_HEADER, offset, length, register };
}

/** `@SET` */
export function lookupIn(set: string): Lookup {
  return { name: 'lookup', set, source: REGISTER, destination: undefined, inverted: false };
}

/** `!= @SET` */
export function lookupNotIn(set: string): Lookup {
  return { ...lookupIn(set), inverted: true };
}

/** `@th,OFFSET,LENGTH VALUE`, in bytes */
export function matchTransportHeader(offset: number, value: Uint8Array): Expression[] {
  const { length } = value;
  const load: Payload = { name: 'payload', base: nft.NFT_PAYLOAD_TRANSPORT_HEADER, offset, length, register: REGISTER };
  return [load, compare(nft.NFT_CMP_EQ, value)];
}

/** `@nh,OFFSET,LENGTH VALUE`, in bytes */
export function matchNetworkHeader(offset: number, value: Uint8Array): Expression[] {
  return [loadNetworkHeader(offset, value.length), compare(nft.NFT_CMP_EQ, value)];
}

/** `meta KEY VALUE` */
export function matchMeta(key: number, value: Uint8Array): Expression[] {
  return [loadMeta(key), compare(nft.NFT_CMP_EQ, value)];
}

/** `meta nftrace set 1`: the kernel tells of each rule that the packet meets from here on. */
export function traceOn(): Expression[] {
  return [
    { name: 'immediate', register: REGISTER, verdict: undefined, value: Uint8Array.of(1) },
    { name: 'meta', key: nft.NFT_META_NFTRACE, register: REGISTER, sets: true },
  ];
}

/** `& MASK != VALUE` */
export function differsUnder(mask: Uint8Array, value: Uint8Array): Expression[] {
  return [maskWith(mask), compare(nft.NFT_CMP_NEQ, value)];
}

/** `counter`, which iptables puts into each of its rules. */
export function counter(): Plain {
  return { name: 'counter' };
}

export function masquerade(): Masq {
  return { name: 'masq', flags: undefined };
}

/** `notrack`: connection tracking ignores the packet. */
export function notrack(): Plain {
  return { name: 'notrack' };
}

export function accept(): Immediate {
  return verdict(nft.NF_ACCEPT);
}

export function drop(): Immediate {
  return verdict(nft.NF_DROP);
}

export function jumpTo(chain: string): Immediate {
  return verdict(nft.NFT_JUMP, chain);
}

/** `ip saddr NETWORK`, or `daddr`: the address is in the network, whose host bits must be clear. */
export function matchNetwork(end: End, network: Cidr): Expression[] {
  const mask = maskOf(network);
  return [
    loadNetworkHeader(OFFSET[end][network.ip.family], mask.length),
    maskWith(mask),
    compare(nft.NFT_CMP_EQ, ipToBytes(network.ip)),
  ];
}

/**
 * The network that a rule compares the address with, as `matchNetwork` or iptables writes it. (Iptables writes no mask where
 * that is of whole bytes, and compares only so many bytes.) Undefined where the rule does not compare it, or asks for any
 * address outside of a network.
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

function verdict(code: number, chain?: string): Immediate {
  return { name: 'immediate', register: nft.NFT_REG_VERDICT, verdict: { code, chain } };
}

function maskWith(mask: Uint8Array): Bitwise {
  const { length } = mask;
  return { name: 'bitwise', source: REGISTER, destination: REGISTER, length, mask, xor: new Uint8Array(length) };
}

function compare(operator: number, value: Uint8Array): Cmp {
  return { name: 'cmp', operator, register: REGISTER, value };
}

function padded(bytes: Uint8Array, family: Family): Uint8Array {
  const whole = new Uint8Array(BITS[family] / 8);
  whole.set(bytes.subarray(0, whole.length));
  return whole;
}
