/** Neighbours: which MAC has an address on a link (struct ndmsg and its attributes, linux/neighbour.h). */

import { type Ip, ipFromBytes } from '../../address/ip.ts';
import { decodeAttributes } from '../attribute.ts';
import { pack, readI32le, readU8, readU16le } from '../bytes.ts';
import type { Request } from '../connection.ts';
import { NLM_F_DUMP } from '../message.ts';
import * as rt from './constants.ts';

/** `incomplete` while the kernel asks, `failed` when nothing has answered. */
export type NeighbourState =
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
const HEADER = 12;

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
  const header = pack([1, rt.AF_UNSPEC], [1, 0], [2, 0], [4, 0], [2, 0], [1, 0], [1, 0]);
  return { operation: 'list the neighbours', type: rt.RTM_GETNEIGH, flags: NLM_F_DUMP, header, attributes: [] };
}

/** The link that an entry is on, where nothing else is wanted of it. @throws Truncated */
export function linkOfNeighbour(payload: Uint8Array): number {
  return readI32le(payload, 4);
}

/** @returns undefined for an entry that is about no IP address, such as one of a forwarding database. @throws Truncated */
export function decodeNeighbour(payload: Uint8Array): Neighbour | undefined {
  const family = readU8(payload);
  const attributes = decodeAttributes(payload.subarray(HEADER));
  const address = attributes.get(rt.NDA_DST);
  if ((family !== rt.AF_INET && family !== rt.AF_INET6) || address === undefined) return undefined;
  const bits = readU16le(payload, 8);
  const state = STATES.find(([bit]) => (bits & bit) !== 0)?.[1] ?? 'none';
  return { index: readI32le(payload, 4), ip: ipFromBytes(address), mac: attributes.get(rt.NDA_LLADDR), state };
}
