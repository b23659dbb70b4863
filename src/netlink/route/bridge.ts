/**
 * Bridges: the state of a port, options of a bridge (linux/if_link.h, IFLA_BR_*), and those options that are bits of one value
 * (linux/if_bridge.h, br_boolopt_multi).
 */

import {
  type Attribute,
  attrBytes,
  attrNest,
  attrText,
  attrU8,
  decodeAttributes,
  findAttribute,
  flagAt,
} from '../attribute.ts';
import { pack, readCString, readI32le, readU32le, Truncated } from '../bytes.ts';
import type { Request } from '../connection.ts';
import type { Message } from '../message.ts';
import * as rt from './constants.ts';
import { encodeLinkHeader, LINK_HEADER, type Link } from './link.ts';

const NO_LL_LEARN = 1 << rt.BR_BOOLOPT_NO_LL_LEARN;

/** Without a spanning tree protocol a port is either disabled, as while it has no carrier, or forwarding. */
export type PortState = 'disabled' | 'listening' | 'learning' | 'forwarding' | 'blocking';

const STATES: readonly PortState[] = ['disabled', 'listening', 'learning', 'forwarding', 'blocking'];

/** What the kernel says of a link (RTM_NEWLINK) that may be a bridge port. */
interface PortLook {
  readonly index: number;
  /** Undefined for a link that is no bridge port. */
  readonly state: PortState | undefined;
}

/** Sets whether the bridge learns MACs from frames to the link-local group addresses. Kernels before 5.0 ignore it. */
export function setLinkLocalLearning(index: number, learns: boolean): Request {
  const operation = `${learns ? 'start' : 'stop'} link-local learning of link ${index}`;
  const value = pack([4, learns ? 0 : NO_LL_LEARN], [4, NO_LL_LEARN]);
  return setOption(operation, index, attrBytes(rt.IFLA_BR_MULTI_BOOLOPT, value));
}

/** Whether the bridge learns MACs from link-local frames. A kernel before 5.0 has no option, and learns. @throws Truncated */
export function learnsLinkLocal({ data }: Pick<Link, 'data'>): boolean {
  const options = data && decodeAttributes(data).get(rt.IFLA_BR_MULTI_BOOLOPT);
  return options === undefined || (readU32le(options) & NO_LL_LEARN) === 0;
}

/** Refused with EOPNOTSUPP by a kernel whose bridges cannot filter by VLAN. */
export function setVlanFiltering(index: number, on: boolean): Request {
  const operation = `turn ${on ? 'on' : 'off'} VLAN filtering of bridge ${index}`;
  return setOption(operation, index, attrU8(rt.IFLA_BR_VLAN_FILTERING, Number(on)));
}

/** @throws Truncated */
export function filtersByVlan({ data }: Pick<Link, 'data'>): boolean {
  return data !== undefined && flagAt(decodeAttributes(data), rt.IFLA_BR_VLAN_FILTERING);
}

/** IFLA_LINKINFO of a bridge, with attributes of IFLA_INFO_DATA. */
export function bridgeInfo(...data: readonly Attribute[]): Attribute {
  return attrNest(rt.IFLA_LINKINFO, attrText(rt.IFLA_INFO_KIND, 'bridge'), attrNest(rt.IFLA_INFO_DATA, ...data));
}

/** Reads this much of the reply to `getLink` and no more: an ADD has no time for fifty attributes. @throws Truncated */
export function decodePortLook(payload: Uint8Array): PortLook {
  if (payload.length < LINK_HEADER) throw new Truncated(`a link of ${payload.length} bytes`);
  const info = findAttribute(payload.subarray(LINK_HEADER), rt.IFLA_LINKINFO);
  const data = info && findAttribute(info, rt.IFLA_INFO_SLAVE_DATA);
  const isPort = info !== undefined && textOf(findAttribute(info, rt.IFLA_INFO_SLAVE_KIND)) === 'bridge';
  const state = data && findAttribute(data, rt.IFLA_BRPORT_STATE)?.[0];
  return { index: readI32le(payload, 4), state: isPort ? STATES[state ?? 0] : undefined };
}

/** Whether a notification is about the link of that index, as a link or as a bridge port. @throws Truncated */
export function isAboutLink({ type, payload }: Message, index: number): boolean {
  return (type === rt.RTM_NEWLINK || type === rt.RTM_DELLINK) && readI32le(payload, 4) === index;
}

function setOption(operation: string, index: number, option: Attribute): Request {
  const header = encodeLinkHeader({ index });
  return { operation, type: rt.RTM_NEWLINK, flags: 0, header, attributes: [bridgeInfo(option)] };
}

function textOf(payload: Uint8Array | undefined): string | undefined {
  return payload && readCString(payload);
}
