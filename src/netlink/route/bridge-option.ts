/** Options of a bridge that are bits of one value (struct br_boolopt_multi: u32 value, u32 mask; linux/if_bridge.h). */

import { attrBytes, attrNest, attrText, decodeAttributes, nested } from '../attribute.ts';
import { pack, readU32le } from '../bytes.ts';
import type { Request } from '../connection.ts';
import * as rt from './constants.ts';
import { encodeLinkHeader, LINK_HEADER } from './link.ts';

/** The bridge learns no more from frames to the link-local group addresses who is where. */
export function stopLinkLocalLearning(index: number): Request {
  const bit = 1 << rt.BR_BOOLOPT_NO_LL_LEARN;
  const option = attrBytes(rt.IFLA_BR_MULTI_BOOLOPT, pack([4, bit], [4, bit]));
  return {
    operation: `stop link-local learning of link ${index}`,
    type: rt.RTM_NEWLINK,
    flags: 0,
    header: encodeLinkHeader({ index }),
    attributes: [
      attrNest(rt.IFLA_LINKINFO, attrText(rt.IFLA_INFO_KIND, 'bridge'), attrNest(rt.IFLA_INFO_DATA, option)),
    ],
  };
}

/** Of a link; a kernel before 5.0, which has no such option, learns. @throws Truncated */
export function decodeLinkLocalLearning(payload: Uint8Array): boolean {
  const info = nested(decodeAttributes(payload.subarray(LINK_HEADER)), rt.IFLA_LINKINFO);
  const options = nested(info, rt.IFLA_INFO_DATA).get(rt.IFLA_BR_MULTI_BOOLOPT);
  return options === undefined || (readU32le(options) & (1 << rt.BR_BOOLOPT_NO_LL_LEARN)) === 0;
}
