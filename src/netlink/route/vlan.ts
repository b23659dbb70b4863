/** VLANs of bridge ports (struct bridge_vlan_info, linux/if_bridge.h), and whether a bridge filters by them. */

import {
  type Attribute,
  attrBytes,
  attrNest,
  attrText,
  attrU16,
  attrU32,
  decodeAttributes,
  listAttributes,
} from '../attribute.ts';
import { pack, readI32le, readU8, readU16le } from '../bytes.ts';
import type { Request } from '../connection.ts';
import { NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL } from '../message.ts';
import { bridgeInfo } from './bridge.ts';
import * as rt from './constants.ts';
import { encodeLinkHeader, LINK_HEADER } from './link.ts';

/** Neighbouring VLANs that are the same to a port. A PVID is always a range of one. */
export interface VlanRange {
  readonly first: number;
  readonly last: number;
  /** Untagged frames that come in belong to it. */
  readonly pvid: boolean;
  /** Its frames leave without a tag. */
  readonly untagged: boolean;
}

interface PortVlans {
  readonly index: number;
  readonly vlans: readonly VlanRange[];
}

const FIRST_VLAN = 1;
const LAST_VLAN = 4094;

/** Adds the port to VLANs, or changes what they are to it; a new PVID takes the place of the old one. */
export function addPortVlans(index: number, vlans: readonly VlanRange[]): Request {
  return changeVlans(`add link ${index} to its VLANs`, rt.RTM_SETLINK, index, vlans);
}

/** Takes the port out of all VLANs; the kernel ignores those that it is not in. */
export function clearPortVlans(index: number): Request {
  const all = { first: FIRST_VLAN, last: LAST_VLAN, pvid: false, untagged: false };
  return changeVlans(`take link ${index} out of all VLANs`, rt.RTM_DELLINK, index, [all]);
}

/** Takes the port out of one VLAN, if it is in it. */
export function removePortVlan(index: number, id: number): Request {
  const one = { first: id, last: id, pvid: false, untagged: false };
  return changeVlans(`take link ${index} out of VLAN ${id}`, rt.RTM_DELLINK, index, [one]);
}

/** Answered by every port, and every bridge, of the netns: the kernel cannot be asked about one. */
export function listPortVlans(): Request {
  return {
    operation: 'list the VLANs of bridge ports',
    type: rt.RTM_GETLINK,
    flags: NLM_F_DUMP,
    header: encodeLinkHeader({ family: rt.AF_BRIDGE }),
    attributes: [attrU32(rt.IFLA_EXT_MASK, rt.RTEXT_FILTER_BRVLAN_COMPRESSED)],
  };
}

/** @throws Truncated */
export function decodePortVlans(payload: Uint8Array): PortVlans {
  const index = readI32le(payload, 4);
  const specific = decodeAttributes(payload.subarray(LINK_HEADER)).get(rt.IFLA_AF_SPEC);
  // For any other family IFLA_AF_SPEC holds something else.
  const isBridge = readU8(payload) === rt.AF_BRIDGE;
  return { index, vlans: isBridge && specific !== undefined ? decodeEntries(specific) : [] };
}

/**
 * Asks for a bridge that cannot exist, to see whether the kernel filters by VLAN at all. A kernel that does looks at the VLAN
 * protocol first, which is none (EPROTONOSUPPORT; br_validate in net/bridge/br_netlink.c). Another gets as far as the name,
 * which no interface may have (EINVAL). Nothing is made in either case.
 */
export function tryVlanFiltering(): Request {
  return {
    operation: 'try VLAN filtering',
    type: rt.RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    header: encodeLinkHeader({}),
    attributes: [attrText(rt.IFLA_IFNAME, 'a/b'), bridgeInfo(attrU16(rt.IFLA_BR_VLAN_PROTOCOL, 0))],
  };
}

function changeVlans(operation: string, type: number, index: number, vlans: readonly VlanRange[]): Request {
  const header = encodeLinkHeader({ family: rt.AF_BRIDGE, index });
  return { operation, type, flags: 0, header, attributes: [attrNest(rt.IFLA_AF_SPEC, ...vlans.flatMap(encodeRange))] };
}

/** A range is two entries, its ends. */
function encodeRange({ first, last, pvid, untagged }: VlanRange): Attribute[] {
  const flags = (pvid ? rt.BRIDGE_VLAN_INFO_PVID : 0) | (untagged ? rt.BRIDGE_VLAN_INFO_UNTAGGED : 0);
  if (first === last) return [encodeEntry(flags, first)];
  return [
    encodeEntry(flags | rt.BRIDGE_VLAN_INFO_RANGE_BEGIN, first),
    encodeEntry(flags | rt.BRIDGE_VLAN_INFO_RANGE_END, last),
  ];
}

function encodeEntry(flags: number, id: number): Attribute {
  return attrBytes(rt.IFLA_BRIDGE_VLAN_INFO, pack([2, flags], [2, id]));
}

function decodeEntries(specific: Uint8Array): VlanRange[] {
  const vlans: VlanRange[] = [];
  let first: number | undefined;
  for (const { type, payload } of listAttributes(specific)) {
    if (type !== rt.IFLA_BRIDGE_VLAN_INFO) continue;
    const [flags, id] = [readU16le(payload), readU16le(payload, 2)];
    const has = (flag: number) => (flags & flag) !== 0;
    first = has(rt.BRIDGE_VLAN_INFO_RANGE_END) ? (first ?? id) : id;
    if (has(rt.BRIDGE_VLAN_INFO_RANGE_BEGIN)) continue;
    vlans.push({ first, last: id, pvid: has(rt.BRIDGE_VLAN_INFO_PVID), untagged: has(rt.BRIDGE_VLAN_INFO_UNTAGGED) });
  }
  return vlans;
}
