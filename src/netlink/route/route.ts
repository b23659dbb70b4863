/** Routes (struct rtmsg and its attributes). */

import { type Cidr, defaultNetwork, formatCidr, networkOf } from '../../address/cidr.ts';
import { BITS, formatIp, type Ip, ipFromBytes, ipToBytes } from '../../address/ip.ts';
import type { Route } from '../../schema/net.ts';
import {
  type Attribute,
  type Attributes,
  attrBytes,
  attrNest,
  attrU32,
  decodeAttributes,
  nested,
  u32At,
} from '../attribute.ts';
import { align4, type Field, pack, readU8, readU32le, Truncated } from '../bytes.ts';
import type { Request } from '../connection.ts';
import { NLM_F_CREATE, NLM_F_DUMP } from '../message.ts';
import { afOf } from './address.ts';
import * as rt from './constants.ts';

/** A unicast route through one link. The kernel chooses what is undefined. */
export interface LinkRoute extends Omit<Route, 'gw'> {
  readonly index: number;
  readonly gateway?: Ip | undefined;
}

/** Bytes of struct rtmsg, and of struct rtnexthop. */
const HEADER = 12;
const NEXT_HOP = 8;
/** struct rtmsg behind the family, all zero: two lengths, TOS, table, protocol, scope and type; flags. */
const ZEROS: readonly Field[] = [
  [1, 0],
  [1, 0],
  [1, 0],
  [1, 0],
  [1, 0],
  [1, 0],
  [1, 0],
  [4, 0],
];

/**
 * Adds a route. Where there is another to the same destination, as the default route of a container's second network, the new
 * IPv4 route comes before it, as of `ip route prepend`, and an IPv6 route joins it. Refused with EEXIST where it is there
 * itself.
 */
export function addRoute(route: LinkRoute): Request {
  const { dst, gateway } = route;
  const via = gateway === undefined ? '' : ` via ${formatIp(gateway)}`;
  return {
    operation: `add the route ${formatCidr(dst)}${via}`,
    type: rt.RTM_NEWROUTE,
    flags: NLM_F_CREATE,
    header: encodeHeader(route),
    attributes: encodeAttributes(route),
  };
}

/** Answered by the routes of one table (of all tables where it is RT_TABLE_UNSPEC). */
export function listRoutes(family: 4 | 6, table: number = rt.RT_TABLE_MAIN): Request {
  const attributes = table === rt.RT_TABLE_UNSPEC ? [] : [attrU32(rt.RTA_TABLE, table)];
  const header = pack([1, afOf(family)], ...ZEROS);
  return { operation: 'list the routes', type: rt.RTM_GETROUTE, flags: NLM_F_DUMP, header, attributes };
}

/** Answered by the routes of both families in one table (in all tables where it is RT_TABLE_UNSPEC). */
export function listAllRoutes(table: number = rt.RT_TABLE_MAIN): Request {
  const attributes = table === rt.RT_TABLE_UNSPEC ? [] : [attrU32(rt.RTA_TABLE, table)];
  const header = pack([1, rt.AF_UNSPEC], ...ZEROS);
  return { operation: 'list the routes', type: rt.RTM_GETROUTE, flags: NLM_F_DUMP, header, attributes };
}

/** Answered by the route that a packet to `ip` would take, or refused (ENETUNREACH where there is none). */
export function findRoute(ip: Ip): Request {
  const [, ...rest] = ZEROS;
  const header = pack([1, afOf(ip.family)], [1, BITS[ip.family]], ...rest);
  const attributes = [attrBytes(rt.RTA_DST, ipToBytes(ip))];
  return { operation: 'find a route', type: rt.RTM_GETROUTE, flags: 0, header, attributes, single: true };
}

/** @returns undefined for a message that is no unicast route through one link. @throws Truncated */
export function decodeRoute(payload: Uint8Array): LinkRoute | undefined {
  const attributes = decodeAttributes(payload.subarray(HEADER));
  const index = u32At(attributes, rt.RTA_OIF);
  if (readU8(payload, 7) !== rt.RTN_UNICAST || index === undefined) return undefined;
  return { ...decodeCommon(payload, attributes), index, gateway: gatewayIn(attributes) };
}

/** The ways of a dumped route, one for each link and gateway: several where the kernel has joined routes. @throws Truncated */
export function decodeRoutes(payload: Uint8Array): LinkRoute[] {
  const single = decodeRoute(payload);
  if (single !== undefined) return [single];
  const attributes = decodeAttributes(payload.subarray(HEADER));
  const ways = attributes.get(rt.RTA_MULTIPATH);
  if (readU8(payload, 7) !== rt.RTN_UNICAST || ways === undefined) return [];
  return decodeNextHops(ways).map((way) => ({ ...decodeCommon(payload, attributes), ...way }));
}

/** Whether the route delivers packets to the host itself. @throws Truncated */
export function isLocalRoute(payload: Uint8Array): boolean {
  return readU8(payload, 7) === rt.RTN_LOCAL;
}

/** RTPROT_*: what made the route. @throws Truncated */
export function decodeRouteProtocol(payload: Uint8Array): number {
  return readU8(payload, 5);
}

/** The source address that packets of the route get; undefined where the reply names none. @throws Truncated */
export function decodePreferredSource(payload: Uint8Array): Ip | undefined {
  const bytes = decodeAttributes(payload.subarray(HEADER)).get(rt.RTA_PREFSRC);
  return bytes && ipFromBytes(bytes);
}

/** struct rtnexthop: u16 length, flags, hops, i32 link; attributes. */
function decodeNextHops(bytes: Uint8Array): Pick<LinkRoute, 'index' | 'gateway'>[] {
  const found: Pick<LinkRoute, 'index' | 'gateway'>[] = [];
  for (let at = 0; at + NEXT_HOP <= bytes.length; ) {
    const length = readU8(bytes, at) | (readU8(bytes, at + 1) << 8);
    if (length < NEXT_HOP || at + length > bytes.length) throw new Truncated(`next hop of ${length} bytes at ${at}`);
    const attributes = decodeAttributes(bytes.subarray(at + NEXT_HOP, at + length));
    found.push({ index: readU32le(bytes, at + 4), gateway: gatewayIn(attributes) });
    at += align4(length);
  }
  return found;
}

function gatewayIn(attributes: Attributes): Ip | undefined {
  const bytes = attributes.get(rt.RTA_GATEWAY);
  return bytes && ipFromBytes(bytes);
}

function decodeCommon(payload: Uint8Array, attributes: Attributes): Omit<LinkRoute, 'index' | 'gateway'> {
  const metrics = nested(attributes, rt.RTA_METRICS);
  return {
    dst: decodeDestination(payload, attributes),
    mtu: u32At(metrics, rt.RTAX_MTU),
    advmss: u32At(metrics, rt.RTAX_ADVMSS),
    priority: u32At(attributes, rt.RTA_PRIORITY),
    table: u32At(attributes, rt.RTA_TABLE) ?? readU8(payload, 4),
    scope: readU8(payload, 6),
  };
}

function decodeDestination(payload: Uint8Array, attributes: Attributes): Cidr {
  const family = readU8(payload, 0) === rt.AF_INET ? 4 : 6;
  const bytes = attributes.get(rt.RTA_DST);
  return bytes === undefined ? defaultNetwork(family) : { ip: ipFromBytes(bytes), prefix: readU8(payload, 1) };
}

function encodeHeader({ dst, gateway, table = rt.RT_TABLE_MAIN, scope }: LinkRoute): Uint8Array {
  // IPv6 has no scopes. An IPv4 route without a gateway is for neighbours.
  const implied = gateway === undefined && dst.ip.family === 4 ? rt.RT_SCOPE_LINK : rt.RT_SCOPE_UNIVERSE;
  const shortTable = table > 255 ? rt.RT_TABLE_UNSPEC : table;
  const lengths: Field[] = [
    [1, dst.prefix],
    [1, 0],
    [1, 0],
  ];
  const place: Field[] = [
    [1, shortTable],
    [1, rt.RTPROT_BOOT],
    [1, scope ?? implied],
    [1, rt.RTN_UNICAST],
  ];
  return pack([1, afOf(dst.ip.family)], ...lengths, ...place, [4, 0]);
}

function encodeAttributes({ index, dst, gateway, mtu, advmss, priority, table }: LinkRoute): Attribute[] {
  const metrics = [...optional(rt.RTAX_MTU, mtu), ...optional(rt.RTAX_ADVMSS, advmss)];
  return [
    ...(dst.prefix === 0 ? [] : [attrBytes(rt.RTA_DST, ipToBytes(networkOf(dst).ip))]),
    attrU32(rt.RTA_OIF, index),
    ...(gateway === undefined ? [] : [attrBytes(rt.RTA_GATEWAY, ipToBytes(gateway))]),
    ...optional(rt.RTA_PRIORITY, priority),
    ...optional(rt.RTA_TABLE, table),
    ...(metrics.length === 0 ? [] : [attrNest(rt.RTA_METRICS, ...metrics)]),
  ];
}

function optional(type: number, value: number | undefined): Attribute[] {
  return value === undefined ? [] : [attrU32(type, value)];
}
