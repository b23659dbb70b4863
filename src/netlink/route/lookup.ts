/** Which way the kernel would send a packet, and whether it would take it in (RTM_GETROUTE for one address). */

import { BITS, formatIp, type Ip, ipFromBytes, ipToBytes } from '../../address/ip.ts';
import { attrBytes, attrU32, decodeAttributes, u32At } from '../attribute.ts';
import { pack, readU8 } from '../bytes.ts';
import type { Request } from '../connection.ts';
import { afOf } from './address.ts';
import * as rt from './constants.ts';

/** A packet to be routed. */
export interface Routed {
  readonly to: Ip;
  /** Given with `input`: the source of the packet that came in. */
  readonly from?: Ip | undefined;
  /** Index of the interface that the packet came in by; undefined for a packet of the host's own. */
  readonly input?: number | undefined;
  /** The mark, where rules of policy routing look at it. */
  readonly mark?: number | undefined;
}

export interface Way {
  /** RTN_*: RTN_UNICAST goes out by `index`, RTN_LOCAL is for the host itself. */
  readonly type: number;
  readonly index: number | undefined;
  readonly gateway: Ip | undefined;
  /** The source that the host's own packets get. */
  readonly source: Ip | undefined;
  readonly table: number;
}

/**
 * Answered by the way, or refused: ENETUNREACH and EHOSTUNREACH where there is none, EACCES where a route prohibits it; with
 * `input` also EXDEV where the reverse path filter drops the packet, EINVAL where its source or destination is martian, and
 * EHOSTUNREACH where the interface does not forward.
 */
export function lookUpRoute({ to, from, input, mark }: Routed): Request {
  const lengths = [BITS[to.family], from === undefined ? 0 : BITS[to.family]] as const;
  const rest: readonly [1, number][] = [
    [1, 0],
    [1, 0],
    [1, 0],
    [1, 0],
    [1, 0],
  ];
  return {
    operation: `find a route to ${formatIp(to)}`,
    type: rt.RTM_GETROUTE,
    flags: 0,
    header: pack([1, afOf(to.family)], [1, lengths[0]], [1, lengths[1]], ...rest, [4, 0]),
    attributes: [
      attrBytes(rt.RTA_DST, ipToBytes(to)),
      ...(from === undefined ? [] : [attrBytes(rt.RTA_SRC, ipToBytes(from))]),
      ...(input === undefined ? [] : [attrU32(rt.RTA_IIF, input)]),
      ...(mark === undefined || mark === 0 ? [] : [attrU32(rt.RTA_MARK, mark)]),
    ],
    single: true,
  };
}

/** @throws Truncated */
export function decodeWay(payload: Uint8Array): Way {
  const attributes = decodeAttributes(payload.subarray(12));
  const ip = (type: number) => {
    const bytes = attributes.get(type);
    return bytes && ipFromBytes(bytes);
  };
  return {
    type: readU8(payload, 7),
    index: u32At(attributes, rt.RTA_OIF),
    gateway: ip(rt.RTA_GATEWAY),
    source: ip(rt.RTA_PREFSRC),
    table: u32At(attributes, rt.RTA_TABLE) ?? readU8(payload, 4),
  };
}
