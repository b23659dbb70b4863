/** Sets, and their elements, which carry a comment. */

import { decodeUtf8 } from '../../sys/text.ts';
import {
  type Attribute,
  attrBytes,
  attrNest,
  attrText,
  attrU32be,
  decodeAttributes,
  listAttributes,
  nested,
  somePayload,
} from '../attribute.ts';
import { pack } from '../bytes.ts';
import type { Request } from '../connection.ts';
import { type Message, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL } from '../message.ts';
import { attrComment, decodeComment, nftBody, nftRequest, type Table } from './batch.ts';
import * as nft from './constants.ts';

export interface NftSet {
  readonly table: Table;
  readonly name: string;
  /** TYPE_*, or several of them in one number. */
  readonly keyType: number;
  readonly keyLength: number;
  /**
   * The keys are in the host's byte order, as names of interfaces are; nft prints them only where the set's user data says
   * so.
   */
  readonly isHostOrder?: boolean;
}

/** What identifies a set. */
export type SetName = Pick<NftSet, 'table' | 'name'>;

/** The key of an element: its bytes, and the text that messages show for it. */
export interface Key {
  readonly bytes: Uint8Array;
  readonly text: string;
}

export interface Element {
  readonly key: Uint8Array;
  readonly comment: string | undefined;
}

/** Creates the set unless it is there. `id` is any number that no other set of the batch has. */
export function ensureSet(set: NftSet, id: number): Request {
  return setRequest(`create the nftables set ${set.name}`, set, nft.NFT_MSG_NEWSET, NLM_F_CREATE, [
    attrText(nft.NFTA_SET_TABLE, set.table.name),
    attrText(nft.NFTA_SET_NAME, set.name),
    attrU32be(nft.NFTA_SET_KEY_TYPE, set.keyType),
    attrU32be(nft.NFTA_SET_KEY_LEN, set.keyLength),
    attrU32be(nft.NFTA_SET_ID, id),
    ...(set.isHostOrder ? [attrBytes(nft.NFTA_SET_USERDATA, byteOrderOfHost())] : []),
  ]);
}

/** Removes the set with its elements; refused with ENOENT where there is none, with EBUSY where a rule looks into it. */
export function deleteSet(set: SetName): Request {
  return setRequest(`remove the nftables set ${set.name}`, set, nft.NFT_MSG_DELSET, 0, [
    attrText(nft.NFTA_SET_TABLE, set.table.name),
    attrText(nft.NFTA_SET_NAME, set.name),
  ]);
}

/** Refused with ENOENT where there is no such set, with EEXIST where it holds the key. */
export function addElement(set: SetName, key: Key, comment: string): Request {
  return elementAddition(set, key, comment, NLM_F_CREATE | NLM_F_EXCL);
}

/** Adds an element, or leaves one with the same key as it is. Refused with ENOENT where there is no such set. */
export function ensureElement(set: SetName, key: Key, comment: string): Request {
  return elementAddition(set, key, comment, NLM_F_CREATE);
}

/** Refused with ENOENT where the set does not hold the key. */
export function deleteElement(set: SetName, key: Key): Request {
  const operation = `remove ${key.text} from the nftables set ${set.name}`;
  return elementRequest(operation, set, nft.NFT_MSG_DELSETELEM, 0, [keyOf(key)]);
}

/** Answered by the one element, or refused with ENOENT. */
export function getElement(set: SetName, key: Key): Request {
  const operation = `look ${key.text} up in the nftables set ${set.name}`;
  return elementRequest(operation, set, nft.NFT_MSG_GETSETELEM, 0, [keyOf(key)]);
}

/** Answered by all elements; refused with ENOENT where there is no such set. */
export function listElements(set: SetName): Request {
  const operation = `list the nftables set ${set.name}`;
  return setRequest(operation, set, nft.NFT_MSG_GETSETELEM, NLM_F_DUMP, elementListOf(set));
}

/** Answered by the names of all sets of the table. */
export function listSets(table: Table): Request {
  const attributes = [attrText(nft.NFTA_SET_TABLE, table.name)];
  const operation = `list the sets of the nftables table ${table.name}`;
  const flags = NLM_F_DUMP;
  return nftRequest({ operation, message: nft.NFT_MSG_GETSET, flags, family: table.family, attributes });
}

/** @throws Truncated */
export function decodeSetName(message: Message): string {
  const name = decodeAttributes(nftBody(message)).get(nft.NFTA_SET_NAME);
  return name === undefined ? '' : decodeUtf8(name.subarray(0, -1));
}

/** @throws Truncated */
export function decodeElements(message: Message): Element[] {
  return listAttributes(elementsIn(message)).map(({ payload }) => decodeElement(payload));
}

/** Whether one of the elements satisfies the test; those behind it are not decoded. @throws Truncated */
export function someElement(message: Message, satisfies: (element: Element) => boolean): boolean {
  return somePayload(elementsIn(message), (payload) => satisfies(decodeElement(payload)));
}

function elementsIn(message: Message): Uint8Array {
  return decodeAttributes(nftBody(message)).get(nft.NFTA_SET_ELEM_LIST_ELEMENTS) ?? new Uint8Array();
}

function decodeElement(payload: Uint8Array): Element {
  const element = decodeAttributes(payload);
  const key = nested(element, nft.NFTA_SET_ELEM_KEY).get(nft.NFTA_DATA_VALUE) ?? new Uint8Array();
  const userdata = element.get(nft.NFTA_SET_ELEM_USERDATA);
  return { key, comment: decodeComment(userdata, nft.NFTNL_UDATA_SET_ELEM_COMMENT) };
}

function elementAddition(set: SetName, key: Key, comment: string, flags: number): Request {
  const note = attrComment(nft.NFTA_SET_ELEM_USERDATA, nft.NFTNL_UDATA_SET_ELEM_COMMENT, comment);
  const operation = `add ${key.text} to the nftables set ${set.name}`;
  return elementRequest(operation, set, nft.NFT_MSG_NEWSETELEM, flags, [keyOf(key), note]);
}

function elementRequest(
  operation: string,
  set: SetName,
  message: number,
  flags: number,
  element: readonly Attribute[],
): Request {
  const elements = attrNest(nft.NFTA_SET_ELEM_LIST_ELEMENTS, attrNest(nft.NFTA_LIST_ELEM, ...element));
  return setRequest(operation, set, message, flags, [...elementListOf(set), elements]);
}

function setRequest(
  operation: string,
  set: SetName,
  message: number,
  flags: number,
  attributes: readonly Attribute[],
): Request {
  return nftRequest({ operation, message, flags, family: set.table.family, attributes });
}

function elementListOf(set: SetName): Attribute[] {
  return [attrText(nft.NFTA_SET_ELEM_LIST_TABLE, set.table.name), attrText(nft.NFTA_SET_ELEM_LIST_SET, set.name)];
}

function keyOf({ bytes }: Key): Attribute {
  return attrNest(nft.NFTA_SET_ELEM_KEY, attrBytes(nft.NFTA_DATA_VALUE, bytes));
}

/** User data of a set, which tells the byte order of its keys: u8 type, u8 length, u32. */
function byteOrderOfHost(): Uint8Array {
  return pack([1, nft.NFTNL_UDATA_SET_KEYBYTEORDER], [1, 4], [4, nft.BYTEORDER_HOST_ENDIAN]);
}
