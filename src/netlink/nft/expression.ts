/**
 * The expressions that rules are made of (linux/netfilter/nf_tables.h), as values: what a rule of ours declares and what the
 * kernel has are compared as such. Each kind encodes and decodes itself; the disassembly of `nft --debug=netlink` stands
 * beside it. Of an unknown kind, the name alone is kept.
 */

import {
  type Attribute,
  type Attributes,
  attrBytes,
  attrNest,
  attrText,
  attrU32be,
  decodeAttributes,
  listAttributes,
  nested,
  textAt,
  u32beAt,
} from '../attribute.ts';
import * as nft from './constants.ts';
import { BYTES, type Field, INVERSION, NUMBER, OPTIONAL_NUMBER, TEXT, VALUE } from './field.ts';

export type Expression = Meta | Ct | Cmp | Payload | Bitwise | Lookup | Immediate | Masq | Extension | Plain | Unknown;

/** [ meta load KEY => reg REGISTER ]; `key` is NFT_META_*. */
export interface Meta {
  readonly name: 'meta';
  readonly key: number;
  readonly register: number;
  /** [ meta set KEY with reg REGISTER ] */
  readonly sets?: true | undefined;
}

/** [ ct load KEY => reg REGISTER ]; `key` is NFT_CT_*. */
interface Ct {
  readonly name: 'ct';
  readonly key: number;
  readonly register: number;
}

/** [ cmp OPERATOR reg REGISTER VALUE ]; `operator` is NFT_CMP_*. */
export interface Cmp {
  readonly name: 'cmp';
  readonly operator: number;
  readonly register: number;
  readonly value: Uint8Array;
}

/** [ payload load LENGTHb @ BASE header + OFFSET => reg REGISTER ]; `base` is NFT_PAYLOAD_*. */
export interface Payload {
  readonly name: 'payload';
  readonly base: number;
  readonly offset: number;
  readonly length: number;
  readonly register: number;
}

/** [ bitwise reg DESTINATION = ( reg SOURCE & MASK ) ^ XOR ], of `length` bytes */
export interface Bitwise {
  readonly name: 'bitwise';
  readonly source: number;
  readonly destination: number;
  readonly length: number;
  readonly mask: Uint8Array;
  readonly xor: Uint8Array;
}

/** [ lookup reg SOURCE set SET ], `0x1` where inverted; in a map what it finds goes to `destination` (0: a verdict). */
export interface Lookup {
  readonly name: 'lookup';
  readonly set: string;
  readonly source: number;
  readonly destination: number | undefined;
  readonly inverted: boolean;
}

/** [ immediate reg 0 VERDICT ]; `verdict` is undefined where it loads `value` into another register. */
export interface Immediate {
  readonly name: 'immediate';
  readonly register: number;
  readonly verdict: Verdict | undefined;
  readonly value?: Uint8Array | undefined;
}

/** The verdict of a rule: NF_* or NFT_*, and `chain` where it is a jump or a goto. */
export interface Verdict {
  readonly code: number;
  readonly chain: string | undefined;
}

/** [ match name EXTENSION rev REVISION ], [ target … ]: a match or target of iptables with its own data */
export interface Extension {
  readonly name: 'match' | 'target';
  readonly extension: string;
  readonly revision: number;
  readonly info: Uint8Array;
}

/** [ masq flags FLAGS ]; `flags` is NF_NAT_RANGE_*, absent where there are none. Ports need a load of their own before it. */
export interface Masq {
  readonly name: 'masq';
  readonly flags: number | undefined;
}

/**
 * An expression that is compared by its name alone: what a counter has counted, and how a packet is rejected, logged or
 * queued, makes no difference here.
 */
export interface Plain {
  readonly name: 'counter' | 'notrack' | 'reject' | 'log' | 'queue';
}

interface Unknown {
  readonly name: 'unknown';
  /** Its name in the kernel: `fib`, `objref`, `dynset`, … */
  readonly kind: string;
}

type Known = Exclude<Expression['name'], 'unknown'>;
type Named<Name extends Known> = Expression & { readonly name: Name };

interface Codec<E> {
  encode(expression: E): Attribute[];
  decode(data: Attributes): E;
}

type Fields<Name extends Known> = { readonly [Key in Exclude<keyof Named<Name>, 'name'>]: Field<Named<Name>[Key]> };

const CODECS: { readonly [Name in Known]: Codec<Named<Name>> } = {
  meta: {
    encode: ({ key, register, sets }) => [
      attrU32be(nft.NFTA_META_KEY, key),
      attrU32be(sets ? nft.NFTA_META_SREG : nft.NFTA_META_DREG, register),
    ],
    decode(data) {
      const source = u32beAt(data, nft.NFTA_META_SREG);
      const register = source ?? u32beAt(data, nft.NFTA_META_DREG) ?? 0;
      const sets = source === undefined ? undefined : true;
      return { name: 'meta', key: u32beAt(data, nft.NFTA_META_KEY) ?? 0, register, sets };
    },
  },
  ct: codec('ct', { key: [nft.NFTA_CT_KEY, NUMBER], register: [nft.NFTA_CT_DREG, NUMBER] }),
  cmp: codec('cmp', {
    register: [nft.NFTA_CMP_SREG, NUMBER],
    operator: [nft.NFTA_CMP_OP, NUMBER],
    value: [nft.NFTA_CMP_DATA, VALUE],
  }),
  payload: codec('payload', {
    register: [nft.NFTA_PAYLOAD_DREG, NUMBER],
    base: [nft.NFTA_PAYLOAD_BASE, NUMBER],
    offset: [nft.NFTA_PAYLOAD_OFFSET, NUMBER],
    length: [nft.NFTA_PAYLOAD_LEN, NUMBER],
  }),
  bitwise: codec('bitwise', {
    source: [nft.NFTA_BITWISE_SREG, NUMBER],
    destination: [nft.NFTA_BITWISE_DREG, NUMBER],
    length: [nft.NFTA_BITWISE_LEN, NUMBER],
    mask: [nft.NFTA_BITWISE_MASK, VALUE],
    xor: [nft.NFTA_BITWISE_XOR, VALUE],
  }),
  lookup: codec('lookup', {
    set: [nft.NFTA_LOOKUP_SET, TEXT],
    source: [nft.NFTA_LOOKUP_SREG, NUMBER],
    destination: [nft.NFTA_LOOKUP_DREG, OPTIONAL_NUMBER],
    inverted: [nft.NFTA_LOOKUP_FLAGS, INVERSION],
  }),
  immediate: {
    encode: ({ register, verdict, value }) => [
      attrU32be(nft.NFTA_IMMEDIATE_DREG, register),
      verdict === undefined ? encodeValue(value) : encodeVerdict(verdict),
    ],
    decode(data) {
      const register = u32beAt(data, nft.NFTA_IMMEDIATE_DREG) ?? 0;
      const loaded = nested(data, nft.NFTA_IMMEDIATE_DATA);
      const verdict =
        register === nft.NFT_REG_VERDICT ? decodeVerdict(nested(loaded, nft.NFTA_DATA_VERDICT)) : undefined;
      return { name: 'immediate', register, verdict, value: loaded.get(nft.NFTA_DATA_VALUE) };
    },
  },
  masq: codec('masq', { flags: [nft.NFTA_MASQ_FLAGS, OPTIONAL_NUMBER] }),
  match: extension('match'),
  target: extension('target'),
  counter: codec('counter', {}),
  notrack: codec('notrack', {}),
  reject: codec('reject', {}),
  log: codec('log', {}),
  queue: codec('queue', {}),
};

/** @throws Error for an expression of an unknown kind, of which only the name is left */
export function encodeExpression(expression: Expression): Attribute {
  if (expression.name === 'unknown') throw new Error(`the expression ${expression.kind} cannot be encoded`);
  return attrNest(
    nft.NFTA_LIST_ELEM,
    attrText(nft.NFTA_EXPR_NAME, expression.name),
    attrNest(nft.NFTA_EXPR_DATA, ...(CODECS[expression.name] as Codec<Expression>).encode(expression)),
  );
}

/** The expressions of a rule, from the payload of NFTA_RULE_EXPRESSIONS. @throws Truncated */
export function decodeExpressions(list: Uint8Array): Expression[] {
  return listAttributes(list).map(({ payload }) => decodeExpression(payload));
}

/** One expression of a rule, from the payload of its NFTA_LIST_ELEM. @throws Truncated */
export function decodeExpression(payload: Uint8Array): Expression {
  const attributes = decodeAttributes(payload);
  const kind = textAt(attributes, nft.NFTA_EXPR_NAME) ?? '';
  const isKnown = Object.hasOwn(CODECS, kind);
  return isKnown ? CODECS[kind as Known].decode(nested(attributes, nft.NFTA_EXPR_DATA)) : { name: 'unknown', kind };
}

/** A verdict, from the payload of NFTA_DATA_VERDICT and of the verdict in a trace alike. @throws Truncated */
export function decodeVerdict(verdict: Attributes): Verdict | undefined {
  const code = u32beAt(verdict, nft.NFTA_VERDICT_CODE);
  return code === undefined ? undefined : { code, chain: textAt(verdict, nft.NFTA_VERDICT_CHAIN) };
}

function encodeValue(value: Uint8Array = new Uint8Array()): Attribute {
  return attrNest(nft.NFTA_IMMEDIATE_DATA, attrBytes(nft.NFTA_DATA_VALUE, value));
}

function encodeVerdict({ code, chain }: Verdict): Attribute {
  const target = chain === undefined ? [] : [attrText(nft.NFTA_VERDICT_CHAIN, chain)];
  const verdict = attrNest(nft.NFTA_DATA_VERDICT, attrU32be(nft.NFTA_VERDICT_CODE, code), ...target);
  return attrNest(nft.NFTA_IMMEDIATE_DATA, verdict);
}

/** NFTA_TARGET_* has the numbers of NFTA_MATCH_*. */
function extension<Name extends Extension['name']>(name: Name): Codec<Named<Name>> {
  return codec(name, {
    extension: [nft.NFTA_EXTENSION_NAME, TEXT],
    revision: [nft.NFTA_MATCH_REV, NUMBER],
    info: [nft.NFTA_MATCH_INFO, BYTES],
  } as Fields<Name>);
}

/** The attributes are sent in the order of the fields. */
function codec<Name extends Known>(name: Name, fields: Fields<Name>): Codec<Named<Name>> {
  const list = Object.entries(fields) as [string, Field<unknown>][];
  return {
    encode: (one) => list.flatMap(([field, [type, kind]]) => kind.encode(type, one[field as keyof typeof one]) ?? []),
    decode: (data) =>
      Object.fromEntries([
        ['name', name],
        ...list.map(([field, [type, kind]]) => [field, kind.decode(data, type)]),
      ]) as unknown as Named<Name>,
  };
}
