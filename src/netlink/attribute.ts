/** Netlink attributes (struct nlattr: u16 length, u16 type, payload, padding to four bytes). */

import { align4, cString, readCString, readU8, readU32be, readU32le, Truncated } from './bytes.ts';

const HEADER = 4;
/** Set on the type of an attribute that holds attributes (linux/netlink.h). */
const NLA_F_NESTED = 0x8000;
/** The type without its two flag bits (NLA_F_NESTED, NLA_F_NET_BYTEORDER). */
const NLA_TYPE_MASK = 0x3fff;

/** An attribute to be sent: bytes, attributes within it, or a number of so many bytes. */
export type Attribute =
  | { readonly type: number; readonly value: Uint8Array }
  | { readonly type: number; readonly value: readonly Attribute[] }
  | NumberAttribute;

interface NumberAttribute {
  readonly type: number;
  readonly value: number;
  readonly width: 1 | 2 | 4;
  readonly bigEndian?: true;
}

/** The payloads by type. Where a type stands more than once, the last counts; `listAttributes` keeps them all. */
export interface Attributes {
  get(type: number): Uint8Array | undefined;
  has(type: number): boolean;
}

/** A buffer that is being filled, as both of its views. */
export interface Output {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

const NONE: Attributes = { get: () => undefined, has: () => false };

export function attrBytes(type: number, value: Uint8Array): Attribute {
  return { type, value };
}

export function attrText(type: number, text: string): Attribute {
  return { type, value: cString(text) };
}

export function attrNest(type: number, ...value: readonly Attribute[]): Attribute {
  return { type, value };
}

export function attrU8(type: number, value: number): Attribute {
  return { type, value, width: 1 };
}

export function attrU16(type: number, value: number): Attribute {
  return { type, value, width: 2 };
}

export function attrU32(type: number, value: number): Attribute {
  return { type, value, width: 4 };
}

export function attrU32be(type: number, value: number): Attribute {
  return { type, value, width: 4, bigEndian: true };
}

/** An output of `size` zero bytes. */
export function createOutput(size: number): Output {
  const bytes = new Uint8Array(size);
  return { bytes, view: new DataView(bytes.buffer) };
}

/** Bytes that the attributes take up, with their padding. */
export function sizeOfAttributes(attributes: readonly Attribute[]): number {
  let size = 0;
  for (const attribute of attributes) {
    const { value } = attribute;
    if ('width' in attribute) size += HEADER + 4;
    else if (value instanceof Uint8Array) size += HEADER + align4(value.length);
    else size += HEADER + sizeOfAttributes(value as readonly Attribute[]);
  }
  return size;
}

/** Writes the attributes one behind the other. @returns where they end */
export function putAttributes(output: Output, start: number, attributes: readonly Attribute[]): number {
  let at = start;
  for (const attribute of attributes) at = putAttribute(output, at, attribute);
  return at;
}

/**
 * Finds where the attributes begin; a payload is cut out when it is asked for. A reply about one link has some fifty
 * attributes, of which a dozen are wanted. @throws Truncated when a length runs past the end
 */
export function decodeAttributes(bytes: Uint8Array): Attributes {
  const starts = new Map<number, number>();
  scan(bytes, (type, at) => {
    starts.set(type, at);
    return false;
  });
  return {
    get: (type) => {
      const at = starts.get(type);
      return at === undefined ? undefined : payloadAt(bytes, at);
    },
    has: (type) => starts.has(type),
  };
}

/** The payload of the first attribute of that type, where no other attribute is wanted. @throws Truncated */
export function findAttribute(bytes: Uint8Array, wanted: number): Uint8Array | undefined {
  let found: Uint8Array | undefined;
  scan(bytes, (type, at) => {
    if (type === wanted) found = payloadAt(bytes, at);
    return type === wanted;
  });
  return found;
}

/** All attributes in their order. @throws Truncated */
export function listAttributes(bytes: Uint8Array): { readonly type: number; readonly payload: Uint8Array }[] {
  const found: { type: number; payload: Uint8Array }[] = [];
  scan(bytes, (type, at) => {
    found.push({ type, payload: payloadAt(bytes, at) });
    return false;
  });
  return found;
}

/** Whether one of the payloads satisfies the test; those behind it are not looked at. @throws Truncated */
export function somePayload(bytes: Uint8Array, satisfies: (payload: Uint8Array) => boolean): boolean {
  let found = false;
  scan(bytes, (_, at) => {
    found = satisfies(payloadAt(bytes, at));
    return found;
  });
  return found;
}

/** The attributes inside an attribute; none where it is absent. @throws Truncated */
export function nested(attributes: Attributes, type: number): Attributes {
  const payload = attributes.get(type);
  return payload === undefined ? NONE : decodeAttributes(payload);
}

/** A text up to its NUL; undefined where it is absent. */
export function textAt(attributes: Attributes, type: number): string | undefined {
  const payload = attributes.get(type);
  return payload && readCString(payload);
}

/** A number in the order of the host; undefined where it is absent. @throws Truncated */
export function u32At(attributes: Attributes, type: number): number | undefined {
  const payload = attributes.get(type);
  return payload && readU32le(payload);
}

/** A number in network order, as nf_tables has them; undefined where it is absent. @throws Truncated */
export function u32beAt(attributes: Attributes, type: number): number | undefined {
  const payload = attributes.get(type);
  return payload && readU32be(payload);
}

/** Whether a u8 is there and not zero. @throws Truncated */
export function flagAt(attributes: Attributes, type: number): boolean {
  const payload = attributes.get(type);
  return payload !== undefined && readU8(payload) !== 0;
}

/** Writes one attribute; its header comes last, since the payload's length is known only then. */
function putAttribute(output: Output, at: number, attribute: Attribute): number {
  const { view, bytes } = output;
  const { type, value } = attribute;
  let flags = 0;
  let end = at + HEADER;
  if ('width' in attribute) end = putNumber(view, end, attribute);
  else if (value instanceof Uint8Array) {
    bytes.set(value, end);
    end += value.length;
  } else {
    end = putAttributes(output, end, value as readonly Attribute[]);
    flags = NLA_F_NESTED;
  }
  view.setUint16(at, end - at, true);
  view.setUint16(at + 2, type | flags, true);
  return (end + 3) & ~3;
}

function putNumber(view: DataView, at: number, { value, width, bigEndian }: NumberAttribute): number {
  if (width === 4) view.setUint32(at, value, !bigEndian);
  else if (width === 2) view.setUint16(at, value, !bigEndian);
  else view.setUint8(at, value);
  return at + width;
}

/**
 * Visits each attribute with its place, until `visit` returns true. It calls nothing else, for a reply about a link has fifty
 * attributes. @throws Truncated
 */
function scan(bytes: Uint8Array, visit: (type: number, at: number) => boolean): void {
  const { length: end } = bytes;
  for (let at = 0; at + HEADER <= end; ) {
    const length = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
    if (length < HEADER || at + length > end) throw new Truncated(`attribute of ${length} bytes at ${at}`);
    if (visit(((bytes[at + 2] as number) | ((bytes[at + 3] as number) << 8)) & NLA_TYPE_MASK, at)) return;
    at += (length + 3) & ~3;
  }
}

function payloadAt(bytes: Uint8Array, at: number): Uint8Array {
  const length = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
  return bytes.subarray(at + HEADER, at + length);
}
