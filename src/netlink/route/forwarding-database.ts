/** The forwarding database of a bridge: the port behind which a MAC is (struct ndmsg and its attributes, linux/neighbour.h). */

import { formatMac } from '../../address/mac.ts';
import { attrBytes, attrU32, decodeAttributes } from '../attribute.ts';
import { readI32le, readU8 } from '../bytes.ts';
import type { Request } from '../connection.ts';
import * as rt from './constants.ts';
import { encodeNeighbourHeader, NEIGHBOUR_HEADER } from './neighbour-table.ts';

/** Frames to a MAC go out by the port of that index. */
export interface ForwardingEntry {
  readonly index: number;
  readonly isPermanent: boolean;
  readonly vlan: number | undefined;
}

/** Answered by the entry that a bridge has for a MAC, or refused with ENOENT. A kernel before 5.0 refuses with EOPNOTSUPP. */
export function findForwarding(bridge: number, mac: Uint8Array): Request {
  return {
    operation: `find ${formatMac(mac)} in a forwarding database`,
    type: rt.RTM_GETNEIGH,
    flags: 0,
    header: encodeNeighbourHeader(rt.AF_BRIDGE, 0, rt.NTF_MASTER),
    attributes: [attrBytes(rt.NDA_LLADDR, mac), attrU32(rt.NDA_MASTER, bridge)],
    single: true,
  };
}

/** @throws Truncated */
export function decodeForwarding(payload: Uint8Array): ForwardingEntry {
  const vlan = decodeAttributes(payload.subarray(NEIGHBOUR_HEADER)).get(rt.NDA_VLAN);
  return {
    index: readI32le(payload, 4),
    isPermanent: (readU8(payload, 8) & rt.NUD_PERMANENT) !== 0,
    vlan: vlan && readU8(vlan) | (readU8(vlan, 1) << 8),
  };
}
