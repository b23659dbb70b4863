/**
 * The expressions that rules are made of (linux/netfilter/nf_tables.h), as values: what a rule of ours declares and what the
 * kernel has are compared as such. Each kind encodes and decodes itself; the disassembly of `nft --debug=netlink` stands
 * beside it. A kind that is not known here keeps its name alone.
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

export type Expression = Meta | Ct | Cmp | Payload | Bitwise | Lookup | Immediate | Extension | Plain | Unknown;

/** [ meta load KEY => reg REGISTER ]; `key` is NFT_META_*. */
export interface Meta {
  readonly name: 'meta';
  readonly key: number;
  readonly register: number;
}

/** [ ct load KEY => reg REGISTER ]; `key` is NFT_CT_*. */
export interface Ct {
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

/** [ bitwise reg DESTINATION = ( reg SOURCE & MASK ) ^ XOR ] */
export interface Bitwise {
  readonly name: 'bitwise';
  readonly source: number;
  readonly destination: number;
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

/** [ immediate reg 0 VERDICT ]; `verdict` is undefined where it loads a value into another register. */
export interface Immediate {
  readonly name: 'immediate';
  readonly verdict: Verdict | undefined;
}

/** What a rule comes to: NF_* or NFT_*, and `chain` where it is a jump or a goto. */
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

/** What says all by its name; what a counter has counted and how a packet is rejected, logged or queued makes no difference here. */
export interface Plain {
  readonly name: 'counter' | 'masq' | 'notrack' | 'reject' | 'log' | 'queue';
}

export interface Unknown {
  readonly name: 'unknown';
  /** Its name in the kernel: `fib`, `objref`, `dynset`, … */
  readonly kind: string;
}

/** @throws Error for an expression that is not known here: what it says is lost, so it cannot be sent */
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

/** One of them, from the payload of its NFTA_LIST_ELEM. @throws Truncated */
export function decodeExpression(payload: Uint8Array): Expression {
  const attributes = decodeAttributes(payload);
  const name = textAt(attributes, nft.NFTA_EXPR_NAME) ?? '';
  if (!Object.hasOwn(CODECS, name)) return { name: 'unknown', kind: name };
  return CODECS[name as Known].decode(nested(attributes, nft.NFTA_EXPR_DATA));
}

/** Whether two rules say the same. What is not known here equals nothing. */
export function sameExpressions(some: readonly Expression[], others: readonly Expression[]): boolean {
  return some.length === others.length && some.every((one, at) => isSame(one, others[at] as Expression));
}

/** The verdict that the rule gives by itself; undefined where it gives none, or looks it up. */
export function verdictOf(expressions: readonly Expression[]): Verdict | undefined {
  for (const one of expressions) if (one.name === 'immediate' && one.verdict !== undefined) return one.verdict;
  return undefined;
}

type Known = Exclude<Expression['name'], 'unknown'>;

interface Codec<E extends Expression> {
  encode(expression: E): Attribute[];
  decode(data: Attributes): E;
}

const CODECS: { readonly [Name in Known]: Codec<Expression & { readonly name: Name }> } = {
  meta: {
    encode: ({ key, register }) => [attrU32be(nft.NFTA_META_KEY, key), attrU32be(nft.NFTA_META_DREG, register)],
    decode: (data) => ({
      name: 'meta',
      key: numberAt(data, nft.NFTA_META_KEY),
      register: numberAt(data, nft.NFTA_META_DREG),
    }),
  },
  ct: {
    encode: ({ key, register }) => [attrU32be(nft.NFTA_CT_KEY, key), attrU32be(nft.NFTA_CT_DREG, register)],
    decode: (data) => ({
      name: 'ct',
      key: numberAt(data, nft.NFTA_CT_KEY),
      register: numberAt(data, nft.NFTA_CT_DREG),
    }),
  },
  cmp: {
    encode: ({ operator, register, value }) => [
      attrU32be(nft.NFTA_CMP_SREG, register),
      attrU32be(nft.NFTA_CMP_OP, operator),
      attrValue(nft.NFTA_CMP_DATA, value),
    ],
    decode: (data) => ({
      name: 'cmp',
      operator: numberAt(data, nft.NFTA_CMP_OP),
      register: numberAt(data, nft.NFTA_CMP_SREG),
      value: valueAt(data, nft.NFTA_CMP_DATA),
    }),
  },
  payload: {
    encode: ({ register, base, offset, length }) => [
      attrU32be(nft.NFTA_PAYLOAD_DREG, register),
      attrU32be(nft.NFTA_PAYLOAD_BASE, base),
      attrU32be(nft.NFTA_PAYLOAD_OFFSET, offset),
      attrU32be(nft.NFTA_PAYLOAD_LEN, length),
    ],
    decode: (data) => ({
      name: 'payload',
      base: numberAt(data, nft.NFTA_PAYLOAD_BASE),
      offset: numberAt(data, nft.NFTA_PAYLOAD_OFFSET),
      length: numberAt(data, nft.NFTA_PAYLOAD_LEN),
      register: numberAt(data, nft.NFTA_PAYLOAD_DREG),
    }),
  },
  bitwise: {
    encode: ({ source, destination, mask, xor }) => [
      attrU32be(nft.NFTA_BITWISE_SREG, source),
      attrU32be(nft.NFTA_BITWISE_DREG, destination),
      attrU32be(nft.NFTA_BITWISE_LEN, mask.length),
      attrValue(nft.NFTA_BITWISE_MASK, mask),
      attrValue(nft.NFTA_BITWISE_XOR, xor),
    ],
    decode: (data) => ({
      name: 'bitwise',
      source: numberAt(data, nft.NFTA_BITWISE_SREG),
      destination: numberAt(data, nft.NFTA_BITWISE_DREG),
      mask: valueAt(data, nft.NFTA_BITWISE_MASK),
      xor: valueAt(data, nft.NFTA_BITWISE_XOR),
    }),
  },
  lookup: {
    encode: ({ set, source, destination, inverted }) => [
      attrText(nft.NFTA_LOOKUP_SET, set),
      attrU32be(nft.NFTA_LOOKUP_SREG, source),
      ...(destination === undefined ? [] : [attrU32be(nft.NFTA_LOOKUP_DREG, destination)]),
      ...(inverted ? [attrU32be(nft.NFTA_LOOKUP_FLAGS, nft.NFT_LOOKUP_F_INV)] : []),
    ],
    decode: (data) => ({
      name: 'lookup',
      set: textAt(data, nft.NFTA_LOOKUP_SET) ?? '',
      source: numberAt(data, nft.NFTA_LOOKUP_SREG),
      destination: u32beAt(data, nft.NFTA_LOOKUP_DREG),
      inverted: (numberAt(data, nft.NFTA_LOOKUP_FLAGS) & nft.NFT_LOOKUP_F_INV) !== 0,
    }),
  },
  immediate: { encode: encodeImmediate, decode: decodeImmediate },
  match: extensionCodec('match'),
  target: extensionCodec('target'),
  counter: plainCodec('counter'),
  masq: plainCodec('masq'),
  notrack: plainCodec('notrack'),
  reject: plainCodec('reject'),
  log: plainCodec('log'),
  queue: plainCodec('queue'),
};

function encodeImmediate({ verdict }: Immediate): Attribute[] {
  if (verdict === undefined) throw new Error('an immediate value cannot be encoded');
  const chain = verdict.chain === undefined ? [] : [attrText(nft.NFTA_VERDICT_CHAIN, verdict.chain)];
  const code = attrU32be(nft.NFTA_VERDICT_CODE, verdict.code);
  return [
    attrU32be(nft.NFTA_IMMEDIATE_DREG, nft.NFT_REG_VERDICT),
    attrNest(nft.NFTA_IMMEDIATE_DATA, attrNest(nft.NFTA_DATA_VERDICT, code, ...chain)),
  ];
}

function decodeImmediate(data: Attributes): Immediate {
  const verdict = nested(nested(data, nft.NFTA_IMMEDIATE_DATA), nft.NFTA_DATA_VERDICT);
  const code = u32beAt(verdict, nft.NFTA_VERDICT_CODE);
  const isVerdict = code !== undefined && numberAt(data, nft.NFTA_IMMEDIATE_DREG) === nft.NFT_REG_VERDICT;
  return {
    name: 'immediate',
    verdict: isVerdict ? { code, chain: textAt(verdict, nft.NFTA_VERDICT_CHAIN) } : undefined,
  };
}

/** NFTA_TARGET_* has the numbers of NFTA_MATCH_*. */
function extensionCodec<Name extends Extension['name']>(name: Name) {
  return {
    encode: ({ extension, revision, info }: Extension) => [
      attrText(nft.NFTA_EXTENSION_NAME, extension),
      attrU32be(nft.NFTA_MATCH_REV, revision),
      attrBytes(nft.NFTA_MATCH_INFO, info),
    ],
    decode: (data: Attributes) => ({
      name,
      extension: textAt(data, nft.NFTA_EXTENSION_NAME) ?? '',
      revision: numberAt(data, nft.NFTA_MATCH_REV),
      info: data.get(nft.NFTA_MATCH_INFO) ?? new Uint8Array(),
    }),
  };
}

function plainCodec<Name extends Plain['name']>(name: Name) {
  return { encode: () => [], decode: () => ({ name }) };
}

function isSame(one: Expression, other: Expression): boolean {
  if (one.name === 'unknown' || other.name !== one.name) return false;
  const fields = other as unknown as Readonly<Record<string, unknown>>;
  return Object.entries(one).every(([field, value]) => isSameValue(value, fields[field]));
}

function isSameValue(one: unknown, other: unknown): boolean {
  if (one instanceof Uint8Array)
    return other instanceof Uint8Array && one.length === other.length && one.every((byte, at) => byte === other[at]);
  if (typeof one !== 'object' || one === null) return one === other;
  const { code, chain } = one as Verdict;
  return (other as Verdict | undefined)?.code === code && (other as Verdict | undefined)?.chain === chain;
}

function attrValue(type: number, value: Uint8Array): Attribute {
  return attrNest(type, attrBytes(nft.NFTA_DATA_VALUE, value));
}

function valueAt(attributes: Attributes, type: number): Uint8Array {
  return nested(attributes, type).get(nft.NFTA_DATA_VALUE) ?? new Uint8Array();
}

function numberAt(attributes: Attributes, type: number): number {
  return u32beAt(attributes, type) ?? 0;
}
