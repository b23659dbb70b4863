/** Sets of addresses, and their elements, which carry a comment. */

import { type Family, formatIp, type Ip, ipFromBytes, ipToBytes } from '../../address/ip.ts';
import {
  type Attribute,
  attrBytes,
  attrNest,
  attrText,
  attrU32be,
  decodeAttributes,
  listAttributes,
  nested,
} from '../attribute.ts';
import type { Request } from '../connection.ts';
import { type Message, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL } from '../message.ts';
import { attrComment, decodeComment, nftBody, nftRequest, type Table } from './batch.ts';
import * as nft from './constants.ts';

export interface AddressSet {
  readonly table: Table;
  readonly name: string;
  readonly family: Family;
}

export interface Element {
  readonly ip: Ip;
  readonly comment: string | undefined;
}

/** Refused with EEXIST where there is one of that name. `id` is any number that no other set of the batch has. */
export function createSet(set: AddressSet, id: number): Request {
  const v4 = set.family === 4;
  return setRequest(`create the nftables set ${set.name}`, set, nft.NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL, [
    attrText(nft.NFTA_SET_TABLE, set.table.name),
    attrText(nft.NFTA_SET_NAME, set.name),
    attrU32be(nft.NFTA_SET_KEY_TYPE, v4 ? nft.TYPE_IPADDR : nft.TYPE_IP6ADDR),
    attrU32be(nft.NFTA_SET_KEY_LEN, v4 ? 4 : 16),
    attrU32be(nft.NFTA_SET_ID, id),
  ]);
}

/** Refused with ENOENT where there is no such set, with EEXIST where it holds the address. */
export function addElement(set: AddressSet, ip: Ip, comment: string): Request {
  const note = attrComment(nft.NFTA_SET_ELEM_USERDATA, nft.NFTNL_UDATA_SET_ELEM_COMMENT, comment);
  const operation = `add ${formatIp(ip)} to the nftables set ${set.name}`;
  return elementRequest(operation, set, nft.NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, [keyOf(ip), note]);
}

/** Refused with ENOENT where the set does not hold the address. */
export function deleteElement(set: AddressSet, ip: Ip): Request {
  const operation = `remove ${formatIp(ip)} from the nftables set ${set.name}`;
  return elementRequest(operation, set, nft.NFT_MSG_DELSETELEM, 0, [keyOf(ip)]);
}

/** Answered by the one element, or refused with ENOENT. */
export function getElement(set: AddressSet, ip: Ip): Request {
  const operation = `look ${formatIp(ip)} up in the nftables set ${set.name}`;
  return elementRequest(operation, set, nft.NFT_MSG_GETSETELEM, 0, [keyOf(ip)]);
}

/** Answered by all elements; refused with ENOENT where there is no such set. */
export function listElements(set: AddressSet): Request {
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
  return name === undefined ? '' : new TextDecoder().decode(name.subarray(0, -1));
}

/** @throws Truncated, RangeError where a key is no address */
export function decodeElements(message: Message): Element[] {
  const list = decodeAttributes(nftBody(message)).get(nft.NFTA_SET_ELEM_LIST_ELEMENTS) ?? new Uint8Array();
  return listAttributes(list).map(({ payload }) => {
    const element = decodeAttributes(payload);
    const key = nested(element, nft.NFTA_SET_ELEM_KEY).get(nft.NFTA_DATA_VALUE) ?? new Uint8Array();
    const userdata = element.get(nft.NFTA_SET_ELEM_USERDATA);
    return { ip: ipFromBytes(key), comment: decodeComment(userdata, nft.NFTNL_UDATA_SET_ELEM_COMMENT) };
  });
}

function elementRequest(
  operation: string,
  set: AddressSet,
  message: number,
  flags: number,
  element: readonly Attribute[],
): Request {
  const elements = attrNest(nft.NFTA_SET_ELEM_LIST_ELEMENTS, attrNest(nft.NFTA_LIST_ELEM, ...element));
  return setRequest(operation, set, message, flags, [...elementListOf(set), elements]);
}

function setRequest(
  operation: string,
  set: AddressSet,
  message: number,
  flags: number,
  attributes: readonly Attribute[],
): Request {
  return nftRequest({ operation, message, flags, family: set.table.family, attributes });
}

function elementListOf(set: AddressSet): Attribute[] {
  return [attrText(nft.NFTA_SET_ELEM_LIST_TABLE, set.table.name), attrText(nft.NFTA_SET_ELEM_LIST_SET, set.name)];
}

function keyOf(ip: Ip): Attribute {
  return attrNest(nft.NFTA_SET_ELEM_KEY, attrBytes(nft.NFTA_DATA_VALUE, ipToBytes(ip)));
}
