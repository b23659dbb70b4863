/** Netlink attributes (struct nlattr: u16 length, u16 type, payload, padding to four bytes). */

import {
  align4,
  concat,
  cString,
  readCString,
  readU8,
  readU16le,
  readU32le,
  Truncated,
  u8,
  u16le,
  u32be,
  u32le,
} from './bytes.ts';

const HEADER = 4;
/** Set on the type of an attribute that holds attributes (linux/netlink.h). */
const NLA_F_NESTED = 0x8000;
/** The type without its two flag bits (NLA_F_NESTED, NLA_F_NET_BYTEORDER). */
const NLA_TYPE_MASK = 0x3fff;

/** The payloads by type. Where a type stands more than once, the last counts; `listAttributes` keeps them all. */
export type Attributes = ReadonlyMap<number, Uint8Array>;

export function attrBytes(type: number, payload: Uint8Array): Uint8Array {
  const length = HEADER + payload.length;
  const padding = new Uint8Array(align4(length) - length);
  return concat([u16le(length), u16le(type), payload, padding]);
}

export function attrU8(type: number, value: number): Uint8Array {
  return attrBytes(type, u8(value));
}

export function attrU16(type: number, value: number): Uint8Array {
  return attrBytes(type, u16le(value));
}

export function attrU32(type: number, value: number): Uint8Array {
  return attrBytes(type, u32le(value));
}

export function attrU32be(type: number, value: number): Uint8Array {
  return attrBytes(type, u32be(value));
}

export function attrText(type: number, text: string): Uint8Array {
  return attrBytes(type, cString(text));
}

export function attrNest(type: number, ...attributes: readonly Uint8Array[]): Uint8Array {
  return attrBytes(type | NLA_F_NESTED, concat(attributes));
}

/** @throws Truncated when a length runs past the end. */
export function listAttributes(bytes: Uint8Array): { readonly type: number; readonly payload: Uint8Array }[] {
  const found: { type: number; payload: Uint8Array }[] = [];
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const length = readU16le(bytes, at);
    if (length < HEADER || at + length > bytes.length) throw new Truncated(`attribute of ${length} bytes at ${at}`);
    const type = readU16le(bytes, at + 2) & NLA_TYPE_MASK;
    found.push({ type, payload: bytes.subarray(at + HEADER, at + length) });
    at += align4(length);
  }
  return found;
}

/** @throws Truncated when a length runs past the end. */
export function decodeAttributes(bytes: Uint8Array): Attributes {
  return new Map(listAttributes(bytes).map(({ type, payload }) => [type, payload]));
}

/** The attributes inside an attribute; none where it is absent. */
export function nested(attributes: Attributes, type: number): Attributes {
  const payload = attributes.get(type);
  return payload === undefined ? new Map() : decodeAttributes(payload);
}

export function textAt(attributes: Attributes, type: number): string | undefined {
  const payload = attributes.get(type);
  return payload && readCString(payload);
}

export function u32At(attributes: Attributes, type: number): number | undefined {
  const payload = attributes.get(type);
  return payload && readU32le(payload);
}

/** Whether a u8 is there and not zero. */
export function flagAt(attributes: Attributes, type: number): boolean {
  const payload = attributes.get(type);
  return payload !== undefined && readU8(payload) !== 0;
}
