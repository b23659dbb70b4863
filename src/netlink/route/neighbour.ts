/** Neighbours of an interface, and the forwarding database of a bridge (struct ndmsg and its attributes, linux/neighbour.h). */

import { formatIp, type Ip, ipToBytes } from '../../address/ip.ts';
import { formatMac } from '../../address/mac.ts';
import { attrBytes, attrU32, decodeAttributes } from '../attribute.ts';
import { pack, readI32le, readU8, readU32le } from '../bytes.ts';
import type { Request } from '../connection.ts';
import { afOf } from './address.ts';
import * as rt from './constants.ts';

/** NUD_* by its bit. */
const STATES = {
  1: 'incomplete',
  2: 'reachable',
  4: 'stale',
  8: 'delay',
  16: 'probe',
  32: 'failed',
  64: 'noarp',
  128: 'permanent',
} as const;

export type NeighbourState = (typeof STATES)[keyof typeof STATES] | 'none';

export interface Neighbour {
  readonly index: number;
  readonly state: NeighbourState;
  /** Undefined where it is not resolved. */
  readonly mac: Uint8Array | undefined;
}

/** An entry of a forwarding database: frames to a MAC go out by the port of that index. */
export interface ForwardingEntry {
  readonly index: number;
  readonly isPermanent: boolean;
  readonly vlan: number | undefined;
}

const HEADER = 12;

/** Answered by the neighbour, or refused with ENOENT. */
export function findNeighbour(index: number, ip: Ip): Request {
  return {
    operation: `find the neighbour ${formatIp(ip)}`,
    type: rt.RTM_GETNEIGH,
    flags: 0,
    header: encodeHeader(afOf(ip.family), index, 0),
    attributes: [attrBytes(rt.NDA_DST, ipToBytes(ip))],
    single: true,
  };
}

/** @throws Truncated */
export function decodeNeighbour(payload: Uint8Array): Neighbour {
  const bits = readU32le(payload, 8) & 0xffff;
  const state = STATES[bits as keyof typeof STATES] ?? 'none';
  return {
    index: readI32le(payload, 4),
    state,
    mac: decodeAttributes(payload.subarray(HEADER)).get(rt.NDA_LLADDR),
  };
}

/** Answered by the entry that a bridge has for a MAC, or refused with ENOENT. A kernel before 5.0 refuses with EOPNOTSUPP. */
export function findForwarding(bridge: number, mac: Uint8Array): Request {
  return {
    operation: `find ${formatMac(mac)} in a forwarding database`,
    type: rt.RTM_GETNEIGH,
    flags: 0,
    header: encodeHeader(rt.AF_BRIDGE, 0, rt.NTF_MASTER),
    attributes: [attrBytes(rt.NDA_LLADDR, mac), attrU32(rt.NDA_MASTER, bridge)],
    single: true,
  };
}

/** @throws Truncated */
export function decodeForwarding(payload: Uint8Array): ForwardingEntry {
  const vlan = decodeAttributes(payload.subarray(HEADER)).get(rt.NDA_VLAN);
  return {
    index: readI32le(payload, 4),
    isPermanent: (readU8(payload, 8) & 0x80) !== 0,
    vlan: vlan && readU8(vlan) | (readU8(vlan, 1) << 8),
  };
}

/** struct ndmsg: family, three bytes and two of padding, index, u16 state, flags, type. */
function encodeHeader(family: number, index: number, flags: number): Uint8Array {
  return pack([1, family], [1, 0], [2, 0], [4, index], [2, 0], [1, flags], [1, 0]);
}
