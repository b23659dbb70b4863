/**
 * The expressions that our rules are made of. The nft disassembly stands beside each. All work on register 1; what
 * is loaded behind it is the second part of one key.
 */

import { type Attribute, attrBytes, attrNest, attrText, attrU32be } from '../attribute.ts';
import { cString } from '../bytes.ts';
import * as nft from './constants.ts';

const REGISTER = nft.NFT_REG_1;

/** [ meta load nfproto => reg 1 ] [ cmp eq reg 1 … ]: packets of one family in an inet table. */
export function matchFamily(nfproto: number): Attribute[] {
  const load = expression('meta', attrU32be(nft.NFTA_META_KEY, nft.NFT_META_NFPROTO), destination(nft.NFTA_META_DREG));
  return [load, compare(nft.NFT_CMP_EQ, Uint8Array.of(nfproto))];
}

/** [ meta load iifname => reg 1 ] [ cmp eq reg 1 … ], or oifname: as iptables writes it, with the name's NUL and no more. */
export function matchInterface(direction: 'in' | 'out', name: string): Attribute[] {
  const key = direction === 'in' ? nft.NFT_META_IIFNAME : nft.NFT_META_OIFNAME;
  const load = expression('meta', attrU32be(nft.NFTA_META_KEY, key), destination(nft.NFTA_META_DREG));
  return [load, compare(nft.NFT_CMP_EQ, cString(name))];
}

/** [ match name NAME rev REVISION ], a match of iptables with its own data */
export function matchExtension(name: string, revision: number, info: Uint8Array): Attribute {
  return expression(
    'match',
    attrText(nft.NFTA_EXTENSION_NAME, name),
    attrU32be(nft.NFTA_MATCH_REV, revision),
    attrBytes(nft.NFTA_MATCH_INFO, info),
  );
}

/** [ counter ], which iptables puts into each of its rules */
export function counter(): Attribute {
  return expression('counter');
}

/** [ immediate reg 0 accept ] */
export function accept(): Attribute {
  return verdict(attrU32be(nft.NFTA_VERDICT_CODE, nft.NF_ACCEPT));
}

/** [ immediate reg 0 jump -> CHAIN ] */
export function jumpTo(chain: string): Attribute {
  return verdict(attrU32be(nft.NFTA_VERDICT_CODE, nft.NFT_JUMP), attrText(nft.NFTA_VERDICT_CHAIN, chain));
}

/** [ payload load LENGTHb @ network header + OFFSET => reg 1 ] */
export function loadNetworkHeader(offset: number, length: number): Attribute {
  return loadPayload(nft.NFT_PAYLOAD_NETWORK_HEADER, offset, length, REGISTER);
}

/** [ payload load LENGTHb @ link header + OFFSET => reg 1 ] */
export function loadLinkHeader(offset: number, length: number): Attribute {
  return loadPayload(nft.NFT_PAYLOAD_LL_HEADER, offset, length, REGISTER);
}

/** [ meta load iifname => reg 1 ]: the port that a frame came in by, in a bridge table. */
export function loadInputName(): Attribute {
  return expression('meta', attrU32be(nft.NFTA_META_KEY, nft.NFT_META_IIFNAME), destination(nft.NFTA_META_DREG));
}

/** [ payload load 6b @ link header + 6 => reg 2 ]: the frame's source MAC. */
export function loadSourceMac(): Attribute {
  return loadPayload(nft.NFT_PAYLOAD_LL_HEADER, 6, 6, nft.NFT_REG_2);
}

/** [ lookup reg 1 set NAME ] */
export function lookupIn(setName: string): Attribute {
  return expression('lookup', attrText(nft.NFTA_LOOKUP_SET, setName), source(nft.NFTA_LOOKUP_SREG));
}

/** [ lookup reg 1 set NAME 0x1 ]: goes on where the set does not hold it. */
export function lookupNotIn(setName: string): Attribute {
  return expression(
    'lookup',
    attrText(nft.NFTA_LOOKUP_SET, setName),
    source(nft.NFTA_LOOKUP_SREG),
    attrU32be(nft.NFTA_LOOKUP_FLAGS, nft.NFT_LOOKUP_F_INV),
  );
}

/** [ bitwise reg 1 = ( reg 1 & mask ) ^ 0 ] */
export function maskWith(mask: Uint8Array): Attribute {
  return expression(
    'bitwise',
    source(nft.NFTA_BITWISE_SREG),
    destination(nft.NFTA_BITWISE_DREG),
    attrU32be(nft.NFTA_BITWISE_LEN, mask.length),
    data(nft.NFTA_BITWISE_MASK, mask),
    data(nft.NFTA_BITWISE_XOR, new Uint8Array(mask.length)),
  );
}

/** [ cmp neq reg 1 … ] */
export function differsFrom(value: Uint8Array): Attribute {
  return compare(nft.NFT_CMP_NEQ, value);
}

/** [ masq ] */
export function masquerade(): Attribute {
  return expression('masq');
}

/** [ notrack ]: connection tracking passes the packet by. */
export function notrack(): Attribute {
  return expression('notrack');
}

/** [ immediate reg 0 drop ] */
export function drop(): Attribute {
  return verdict(attrU32be(nft.NFTA_VERDICT_CODE, nft.NF_DROP));
}

function loadPayload(base: number, offset: number, length: number, register: number): Attribute {
  return expression(
    'payload',
    attrU32be(nft.NFTA_PAYLOAD_DREG, register),
    attrU32be(nft.NFTA_PAYLOAD_BASE, base),
    attrU32be(nft.NFTA_PAYLOAD_OFFSET, offset),
    attrU32be(nft.NFTA_PAYLOAD_LEN, length),
  );
}

function verdict(...parts: readonly Attribute[]): Attribute {
  return expression(
    'immediate',
    attrU32be(nft.NFTA_IMMEDIATE_DREG, nft.NFT_REG_VERDICT),
    attrNest(nft.NFTA_IMMEDIATE_DATA, attrNest(nft.NFTA_DATA_VERDICT, ...parts)),
  );
}
function compare(operator: number, value: Uint8Array): Attribute {
  return expression(
    'cmp',
    source(nft.NFTA_CMP_SREG),
    attrU32be(nft.NFTA_CMP_OP, operator),
    data(nft.NFTA_CMP_DATA, value),
  );
}

function expression(name: string, ...attributes: readonly Attribute[]): Attribute {
  return attrNest(nft.NFTA_LIST_ELEM, attrText(nft.NFTA_EXPR_NAME, name), attrNest(nft.NFTA_EXPR_DATA, ...attributes));
}

function source(type: number): Attribute {
  return attrU32be(type, REGISTER);
}

function destination(type: number): Attribute {
  return attrU32be(type, REGISTER);
}

function data(type: number, value: Uint8Array): Attribute {
  return attrNest(type, attrBytes(nft.NFTA_DATA_VALUE, value));
}
