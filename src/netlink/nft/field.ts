/** The kinds of values that the fields of expressions have, and how each is sent in an attribute. */

import {
  type Attribute,
  type Attributes,
  attrBytes,
  attrNest,
  attrText,
  attrU32be,
  nested,
  textAt,
  u32beAt,
} from '../attribute.ts';
import * as nft from './constants.ts';

/** The attribute that a field is sent as, and how its value is encoded. */
export type Field<T> = readonly [type: number, kind: FieldKind<T>];

interface FieldKind<T> {
  encode(type: number, value: T): Attribute | undefined;
  decode(data: Attributes, type: number): T;
}

export const NUMBER: FieldKind<number> = { encode: attrU32be, decode: (data, type) => u32beAt(data, type) ?? 0 };
export const TEXT: FieldKind<string> = { encode: attrText, decode: (data, type) => textAt(data, type) ?? '' };
export const BYTES: FieldKind<Uint8Array> = {
  encode: attrBytes,
  decode: (data, type) => data.get(type) ?? new Uint8Array(),
};
export const VALUE: FieldKind<Uint8Array> = {
  encode: (type, value) => attrNest(type, attrBytes(nft.NFTA_DATA_VALUE, value)),
  decode: (data, type) => nested(data, type).get(nft.NFTA_DATA_VALUE) ?? new Uint8Array(),
};
export const OPTIONAL_NUMBER: FieldKind<number | undefined> = {
  encode: (type, value) => (value === undefined ? undefined : attrU32be(type, value)),
  decode: u32beAt,
};
export const INVERSION: FieldKind<boolean> = {
  encode: (type, isInverted) => (isInverted ? attrU32be(type, nft.NFT_LOOKUP_F_INV) : undefined),
  decode: (data, type) => ((u32beAt(data, type) ?? 0) & nft.NFT_LOOKUP_F_INV) !== 0,
};
