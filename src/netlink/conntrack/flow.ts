/** One connection of connection tracking (linux/netfilter/nfnetlink_conntrack.h): what it looks like before and after NAT. */

import { type Ip, ipFromBytes, ipToBytes } from '../../address/ip.ts';
import {
  type Attribute,
  type Attributes,
  attrBytes,
  attrNest,
  attrU8,
  decodeAttributes,
  nested,
  u32beAt,
} from '../attribute.ts';
import type { Request } from '../connection.ts';
import type { Message } from '../message.ts';

const NFNL_SUBSYS_CTNETLINK = 1;
const IPCTNL_MSG_CT_GET = 1;
const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_STATUS = 3;
const CTA_MARK = 8;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
/** Source; the destination's number is one more. */
const CTA_IP_SRC = { 4: 1, 6: 3 } as const;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_SRC_PORT = 2;
const CTA_PROTO_DST_PORT = 3;
/** ID, type and code stand in a row. */
const CTA_PROTO_ICMP_ID = { 4: 4, 6: 7 } as const;
/** Of CTA_STATUS (linux/netfilter/nf_conntrack_common.h). */
const IPS_SEEN_REPLY = 1 << 1;
const AF = { 4: 2, 6: 10 } as const;
const HEADER = 4;

export const IPPROTO_ICMP = 1;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const IPPROTO_ICMPV6 = 58;

/** One direction of a connection. */
export interface Tuple {
  readonly source: Ip;
  readonly destination: Ip;
  /** IPPROTO_*. */
  readonly protocol: number;
  /** Of TCP and UDP. */
  readonly sourcePort?: number | undefined;
  readonly destinationPort?: number | undefined;
  /** Of an echo: its identifier, and its type (8, or 128 of ICMPv6). */
  readonly icmp?: { readonly id: number; readonly type: number } | undefined;
}

export interface Flow {
  readonly original: Tuple;
  /** What the answers look like where they come in: the reverse of `original`, unless NAT changes something. */
  readonly reply: Tuple;
  readonly isAnswered: boolean;
  readonly mark: number;
}

/** Answered by the connection whose first direction is `tuple`, or refused with ENOENT. */
export function findFlow(tuple: Tuple): Request {
  return {
    operation: 'find a connection in connection tracking',
    type: (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET,
    flags: 0,
    header: Uint8Array.of(AF[tuple.source.family], 0, 0, 0),
    attributes: [encodeTuple(tuple)],
    single: true,
  };
}

/** @throws Truncated; RangeError where an address has a wrong length */
export function decodeFlow({ payload }: Pick<Message, 'payload'>): Flow | undefined {
  const attributes = decodeAttributes(payload.subarray(HEADER));
  const original = decodeTuple(nested(attributes, CTA_TUPLE_ORIG));
  const reply = decodeTuple(nested(attributes, CTA_TUPLE_REPLY));
  if (original === undefined || reply === undefined) return undefined;
  return {
    original,
    reply,
    isAnswered: ((u32beAt(attributes, CTA_STATUS) ?? 0) & IPS_SEEN_REPLY) !== 0,
    mark: u32beAt(attributes, CTA_MARK) ?? 0,
  };
}

function encodeTuple({ source, destination, protocol, sourcePort, destinationPort, icmp }: Tuple): Attribute {
  const { family } = source;
  const first = CTA_PROTO_ICMP_ID[family];
  const ends =
    icmp === undefined
      ? [attrPort(CTA_PROTO_SRC_PORT, sourcePort ?? 0), attrPort(CTA_PROTO_DST_PORT, destinationPort ?? 0)]
      : [attrPort(first, icmp.id), attrU8(first + 1, icmp.type), attrU8(first + 2, 0)];
  return attrNest(
    CTA_TUPLE_ORIG,
    attrNest(
      CTA_TUPLE_IP,
      attrBytes(CTA_IP_SRC[family], ipToBytes(source)),
      attrBytes(CTA_IP_SRC[family] + 1, ipToBytes(destination)),
    ),
    attrNest(CTA_TUPLE_PROTO, attrU8(CTA_PROTO_NUM, protocol), ...ends),
  );
}

function decodeTuple(tuple: Attributes): Tuple | undefined {
  const [ips, protocol] = [nested(tuple, CTA_TUPLE_IP), nested(tuple, CTA_TUPLE_PROTO)];
  const family = ips.has(CTA_IP_SRC[4]) ? 4 : 6;
  const [source, destination] = [ips.get(CTA_IP_SRC[family]), ips.get(CTA_IP_SRC[family] + 1)];
  if (source === undefined || destination === undefined) return undefined;
  const id = portAt(protocol, CTA_PROTO_ICMP_ID[family]);
  return {
    source: ipFromBytes(source),
    destination: ipFromBytes(destination),
    protocol: protocol.get(CTA_PROTO_NUM)?.[0] ?? 0,
    sourcePort: portAt(protocol, CTA_PROTO_SRC_PORT),
    destinationPort: portAt(protocol, CTA_PROTO_DST_PORT),
    icmp: id === undefined ? undefined : { id, type: protocol.get(CTA_PROTO_ICMP_ID[family] + 1)?.[0] ?? 0 },
  };
}

/** Ports and identifiers are in network order. */
function attrPort(type: number, value: number): Attribute {
  return attrBytes(type, Uint8Array.of(value >> 8, value & 0xff));
}

function portAt(attributes: Attributes, type: number): number | undefined {
  const bytes = attributes.get(type);
  return bytes === undefined || bytes.length < 2 ? undefined : ((bytes[0] as number) << 8) | (bytes[1] as number);
}
