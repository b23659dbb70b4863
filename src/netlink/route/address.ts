/** Addresses of links (struct ifaddrmsg and its attributes). */

import { type Cidr, formatCidr, lastValue } from '../../address/cidr.ts';
import { type Family, type Ip, ipFromBytes, ipToBytes } from '../../address/ip.ts';
import { type Attribute, attrBytes, attrU32, decodeAttributes } from '../attribute.ts';
import { pack, readU8, readU32le } from '../bytes.ts';
import type { Request } from '../connection.ts';
import { NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL } from '../message.ts';
import * as rt from './constants.ts';

export interface LinkAddress {
  readonly index: number;
  readonly address: Cidr;
  /** The kernel still detects duplicates of it. */
  readonly tentative: boolean;
  /** Another host has it. */
  readonly duplicate: boolean;
}

/** Bytes of struct ifaddrmsg. */
const HEADER = 8;

/** AF_INET or AF_INET6. */
export function afOf(family: Family): number {
  return family === 4 ? rt.AF_INET : rt.AF_INET6;
}

/** Adds an address; refused with EEXIST where the link has it. `detectDuplicates` matters to IPv6 alone. */
export function addAddress(index: number, address: Cidr, detectDuplicates: boolean): Request {
  const flags = address.ip.family === 6 && !detectDuplicates ? [attrU32(rt.IFA_FLAGS, rt.IFA_F_NODAD)] : [];
  return {
    operation: `add the address ${formatCidr(address)}`,
    type: rt.RTM_NEWADDR,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    header: encodeHeader(index, address),
    attributes: [...encodeIp(address), ...broadcastOf(address), ...flags],
  };
}

/** Refused with EADDRNOTAVAIL where the link does not have it. */
export function deleteAddress(index: number, address: Cidr): Request {
  const operation = `remove the address ${formatCidr(address)}`;
  const header = encodeHeader(index, address);
  return { operation, type: rt.RTM_DELADDR, flags: 0, header, attributes: encodeIp(address) };
}

/** Answered by the addresses of one link. */
export function listAddresses(index: number, family: Family): Request {
  const header = pack([1, afOf(family)], [1, 0], [1, 0], [1, 0], [4, index]);
  return { operation: 'list the addresses', type: rt.RTM_GETADDR, flags: NLM_F_DUMP, header, attributes: [] };
}

/** Answered by the addresses of all links, of both families. */
export function listAllAddresses(): Request {
  const header = pack([1, rt.AF_UNSPEC], [1, 0], [1, 0], [1, 0], [4, 0]);
  return { operation: 'list the addresses', type: rt.RTM_GETADDR, flags: NLM_F_DUMP, header, attributes: [] };
}

/** The link whose address a message is about, where nothing else is wanted of it. @throws Truncated */
export function linkOfAddress(payload: Uint8Array): number {
  return readU32le(payload, 4);
}

/**
 * Answered by the addresses of a link in another network namespace; `netnsId` is the number that this namespace has for it.
 * Linux 4.20.
 */
export function listPeerAddresses(index: number, family: Family, netnsId: number): Request {
  const request = listAddresses(index, family);
  return { ...request, attributes: [attrU32(rt.IFA_TARGET_NETNSID, netnsId)] };
}

/** @throws Truncated, RangeError when there is no address in it */
export function decodeAddress(payload: Uint8Array): LinkAddress {
  const attributes = decodeAttributes(payload.subarray(HEADER));
  const bytes = attributes.get(rt.IFA_LOCAL) ?? attributes.get(rt.IFA_ADDRESS) ?? new Uint8Array();
  const wideFlags = attributes.get(rt.IFA_FLAGS);
  const flags = wideFlags === undefined ? readU8(payload, 2) : readU32le(wideFlags);
  return {
    index: readU32le(payload, 4),
    address: { ip: ipFromBytes(bytes), prefix: readU8(payload, 1) },
    tentative: (flags & rt.IFA_F_TENTATIVE) !== 0,
    duplicate: (flags & rt.IFA_F_DADFAILED) !== 0,
  };
}

/** struct ifaddrmsg. */
function encodeHeader(index: number, { ip, prefix }: Cidr): Uint8Array {
  return pack([1, afOf(ip.family)], [1, prefix], [1, 0], [1, rt.RT_SCOPE_UNIVERSE], [4, index]);
}

function encodeIp({ ip }: Cidr): Attribute[] {
  const bytes = ipToBytes(ip);
  return [attrBytes(rt.IFA_LOCAL, bytes), attrBytes(rt.IFA_ADDRESS, bytes)];
}

/** The broadcast address, which IPv4 alone has, and not in a subnet as small as /31. */
function broadcastOf(address: Cidr): Attribute[] {
  if (address.ip.family === 6 || address.prefix >= 31) return [];
  const broadcast: Ip = { family: 4, value: lastValue(address) };
  return [attrBytes(rt.IFA_BROADCAST, ipToBytes(broadcast))];
}
