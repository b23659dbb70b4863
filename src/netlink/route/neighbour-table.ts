/** Neighbours: which MAC has an address on a link (struct ndmsg and its attributes, linux/neighbour.h). */

import { formatIp, type Ip, ipFromBytes, ipToBytes } from '../../address/ip.ts';
import { attrBytes, decodeAttributes } from '../attribute.ts';
import { pack, readI32le, readU8, readU16le } from '../bytes.ts';
import type { Request } from '../connection.ts';
import { NLM_F_DUMP } from '../message.ts';
import { afOf } from './address.ts';
import * as rt from './constants.ts';

/** `incomplete` while the kernel asks, `failed` when nothing has answered. */
type NeighbourState =
  | 'incomplete'
  | 'reachable'
  | 'stale'
  | 'delay'
  | 'probe'
  | 'failed'
  | 'noarp'
  | 'permanent'
  | 'none';

export interface Neighbour {
  /** The link that it is on. */
  readonly index: number;
  readonly ip: Ip;
  /** Undefined while it is not known. */
  readonly mac: Uint8Array | undefined;
  readonly state: NeighbourState;
}

/** Bytes of struct ndmsg. */
export const NEIGHBOUR_HEADER = 12;

const STATES: readonly (readonly [bit: number, state: NeighbourState])[] = [
  [rt.NUD_INCOMPLETE, 'incomplete'],
  [rt.NUD_REACHABLE, 'reachable'],
  [rt.NUD_STALE, 'stale'],
  [rt.NUD_DELAY, 'delay'],
  [rt.NUD_PROBE, 'probe'],
  [rt.NUD_FAILED, 'failed'],
  [rt.NUD_NOARP, 'noarp'],
  [rt.NUD_PERMANENT, 'permanent'],
];

/** Answered by the neighbours of all links, of both families. */
export function listNeighbours(): Request {
  const header = encodeNeighbourHeader(rt.AF_UNSPEC, 0, 0);
  return { operation: 'list the neighbours', type: rt.RTM_GETNEIGH, flags: NLM_F_DUMP, header, attributes: [] };
}

/** Answered by the neighbour, or refused with ENOENT. */
export function findNeighbour(index: number, ip: Ip): Request {
  return {
    operation: `find the neighbour ${formatIp(ip)}`,
    type: rt.RTM_GETNEIGH,
    flags: 0,
    header: encodeNeighbourHeader(afOf(ip.family), index, 0),
    attributes: [attrBytes(rt.NDA_DST, ipToBytes(ip))],
    single: true,
  };
}

/** struct ndmsg: family, three bytes of padding, the link's index, u16 state, flags, type. */
export function encodeNeighbourHeader(family: number, index: number, flags: number): Uint8Array {
  return pack([1, family], [1, 0], [2, 0], [4, index], [2, 0], [1, flags], [1, 0]);
}

/** The link that an entry is on, where nothing else is wanted of it. @throws Truncated */
export function linkOfNeighbour(payload: Uint8Array): number {
  return readI32le(payload, 4);
}

/** @returns undefined for an entry that is about no IP address, such as one of a forwarding database. @throws Truncated */
export function decodeNeighbour(payload: Uint8Array): Neighbour | undefined {
  const family = readU8(payload);
  const attributes = decodeAttributes(payload.subarray(NEIGHBOUR_HEADER));
  const address = attributes.get(rt.NDA_DST);
  if ((family !== rt.AF_INET && family !== rt.AF_INET6) || address === undefined) return undefined;
  const bits = readU16le(payload, 8);
  const state = STATES.find(([bit]) => (bits & bit) !== 0)?.[1] ?? 'none';
  return { index: readI32le(payload, 4), ip: ipFromBytes(address), mac: attributes.get(rt.NDA_LLADDR), state };
}
