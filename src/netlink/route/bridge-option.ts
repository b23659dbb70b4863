/** Options of a bridge (linux/if_link.h, IFLA_BR_*), and those that are bits of one value (linux/if_bridge.h, br_boolopt_multi). */

import { type Attribute, attrBytes, attrNest, attrText, attrU8, decodeAttributes, flagAt } from '../attribute.ts';
import { pack, readU32le } from '../bytes.ts';
import type { Request } from '../connection.ts';
import * as rt from './constants.ts';
import { encodeLinkHeader, type Link } from './link.ts';

const NO_LL_LEARN = 1 << rt.BR_BOOLOPT_NO_LL_LEARN;

/** Whether the bridge learns who is where from frames to the link-local group addresses. Kernels before 5.0 pass it over. */
export function setLinkLocalLearning(index: number, learns: boolean): Request {
  const operation = `${learns ? 'start' : 'stop'} link-local learning of link ${index}`;
  const value = pack([4, learns ? 0 : NO_LL_LEARN], [4, NO_LL_LEARN]);
  return setOption(operation, index, attrBytes(rt.IFLA_BR_MULTI_BOOLOPT, value));
}

/** A kernel before 5.0, which has no such option, learns. @throws Truncated */
export function learnsLinkLocal({ data }: Pick<Link, 'data'>): boolean {
  const options = data && decodeAttributes(data).get(rt.IFLA_BR_MULTI_BOOLOPT);
  return options === undefined || (readU32le(options) & NO_LL_LEARN) === 0;
}

/** Refused with EOPNOTSUPP by a kernel that cannot. */
export function setVlanFiltering(index: number, on: boolean): Request {
  const operation = `turn ${on ? 'on' : 'off'} VLAN filtering of bridge ${index}`;
  return setOption(operation, index, attrU8(rt.IFLA_BR_VLAN_FILTERING, Number(on)));
}

/** @throws Truncated */
export function filtersByVlan({ data }: Pick<Link, 'data'>): boolean {
  return data !== undefined && flagAt(decodeAttributes(data), rt.IFLA_BR_VLAN_FILTERING);
}

/** What is said of a bridge beside its kind. */
export function bridgeInfo(...data: readonly Attribute[]): Attribute {
  return attrNest(rt.IFLA_LINKINFO, attrText(rt.IFLA_INFO_KIND, 'bridge'), attrNest(rt.IFLA_INFO_DATA, ...data));
}

function setOption(operation: string, index: number, option: Attribute): Request {
  const header = encodeLinkHeader({ index });
  return { operation, type: rt.RTM_NEWLINK, flags: 0, header, attributes: [bridgeInfo(option)] };
}
