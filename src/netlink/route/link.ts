/** Links: what the kernel says of one (struct ifinfomsg and its attributes), and asking for it. */

import {
  type Attributes,
  attrText,
  attrU32,
  decodeAttributes,
  findAttribute,
  flagAt,
  nested,
  textAt,
  u32At,
} from '../attribute.ts';
import { putU32le, readCString, readI32le, readU32le } from '../bytes.ts';
import type { Request } from '../connection.ts';
import { NLM_F_DUMP } from '../message.ts';
import * as rt from './constants.ts';

export interface Link {
  readonly index: number;
  readonly name: string;
  /** The driver's name (`veth`, `bridge`); undefined for hardware and loopback. */
  readonly kind: string | undefined;
  readonly up: boolean;
  readonly promiscuous: boolean;
  /** Something is at the other end; of a bridge: one of its ports has that and is up. */
  readonly carrier: boolean;
  readonly mac: Uint8Array;
  readonly mtu: number;
  /** Index of the bridge that this link is a port of. */
  readonly master: number | undefined;
  /** Index of the other end of a veth, in the netns of `peerNetns`. */
  readonly peer: number | undefined;
  /** The number that this netns has for the netns of the other end; undefined where both are the same. */
  readonly peerNetns: number | undefined;
  readonly alias: string | undefined;
  readonly port: BridgePort | undefined;
  /** IFLA_AF_SPEC: what each address family says of the link. Few callers decode it. */
  readonly families: Uint8Array | undefined;
  /** IFLA_INFO_DATA: what the driver says of the link. */
  readonly data: Uint8Array | undefined;
  /** IFLA_PROP_LIST: alternative names. */
  readonly properties: Uint8Array | undefined;
}

export interface BridgePort {
  readonly hairpin: boolean;
  readonly isolated: boolean;
}

/** A link by name or by index. */
export type LinkKey = string | number;

/** Bytes of struct ifinfomsg, behind which the attributes stand. */
export const LINK_HEADER = 16;

interface LinkHeader {
  readonly family?: number;
  readonly index?: number;
  readonly flags?: number;
  /** Which bits of `flags` are meant. */
  readonly change?: number;
}

const WITHOUT_STATISTICS = attrU32(rt.IFLA_EXT_MASK, rt.RTEXT_FILTER_SKIP_STATS);

/** struct ifinfomsg. */
export function encodeLinkHeader({ family = rt.AF_UNSPEC, index = 0, flags = 0, change = 0 }: LinkHeader): Uint8Array {
  const header = new Uint8Array(LINK_HEADER);
  header[0] = family;
  putU32le(header, 4, index);
  putU32le(header, 8, flags);
  putU32le(header, 12, change);
  return header;
}

/** Header and name attribute that select a link. */
export function selectLink(key: LinkKey, header: LinkHeader = {}): Pick<Request, 'header' | 'attributes'> {
  if (typeof key === 'number') return { header: encodeLinkHeader({ ...header, index: key }), attributes: [] };
  return { header: encodeLinkHeader(header), attributes: [attrText(rt.IFLA_IFNAME, key)] };
}

/** Answered by one link, or refused with ENODEV. */
export function getLink(key: LinkKey): Request {
  const { header, attributes } = selectLink(key);
  const operation = `find the interface ${key}`;
  const wanted = [...attributes, WITHOUT_STATISTICS];
  return { operation, type: rt.RTM_GETLINK, flags: 0, header, attributes: wanted, single: true };
}

/** Answered by every link of the netns; with `master`, by the ports of that bridge. */
export function listLinks(master?: number): Request {
  const filter = master === undefined ? [] : [attrU32(rt.IFLA_MASTER, master)];
  const attributes = [WITHOUT_STATISTICS, ...filter];
  const header = encodeLinkHeader({});
  return { operation: 'list the interfaces', type: rt.RTM_GETLINK, flags: NLM_F_DUMP, header, attributes };
}

/** @throws Truncated */
export function decodeLink(payload: Uint8Array): Link {
  const flags = readU32le(payload, 8);
  const attributes = decodeAttributes(payload.subarray(LINK_HEADER));
  const info = nested(attributes, rt.IFLA_LINKINFO);
  const peerNetns = attributes.get(rt.IFLA_LINK_NETNSID);
  return {
    index: readI32le(payload, 4),
    name: textAt(attributes, rt.IFLA_IFNAME) ?? '',
    kind: textAt(info, rt.IFLA_INFO_KIND),
    up: (flags & rt.IFF_UP) !== 0,
    promiscuous: (flags & rt.IFF_PROMISC) !== 0,
    carrier: (flags & rt.IFF_LOWER_UP) !== 0,
    mac: attributes.get(rt.IFLA_ADDRESS) ?? new Uint8Array(6),
    mtu: u32At(attributes, rt.IFLA_MTU) ?? 0,
    master: u32At(attributes, rt.IFLA_MASTER),
    peer: u32At(attributes, rt.IFLA_LINK),
    peerNetns: peerNetns && readI32le(peerNetns),
    alias: textAt(attributes, rt.IFLA_IFALIAS),
    port: textAt(info, rt.IFLA_INFO_SLAVE_KIND) === 'bridge' ? decodePort(info) : undefined,
    families: attributes.get(rt.IFLA_AF_SPEC),
    data: info.get(rt.IFLA_INFO_DATA),
    properties: attributes.get(rt.IFLA_PROP_LIST),
  };
}

/** What a glance at a link tells: of some hundred containers nothing more is wanted. */
type LinkLook = Pick<Link, 'index' | 'name' | 'up' | 'carrier'> & {
  /** The rest of the message, for `lookCloser`. */
  readonly attributes: Uint8Array;
};

/** Reads index, flags and name, which stand first. @throws Truncated */
export function decodeLinkLook(payload: Uint8Array): LinkLook {
  const flags = readU32le(payload, 8);
  const attributes = payload.subarray(LINK_HEADER);
  const name = findAttribute(attributes, rt.IFLA_IFNAME);
  return {
    index: readI32le(payload, 4),
    name: name === undefined ? '' : readCString(name),
    up: (flags & rt.IFF_UP) !== 0,
    carrier: (flags & rt.IFF_LOWER_UP) !== 0,
    attributes,
  };
}

/** MAC, MTU and other end of a link that was glanced at. @throws Truncated */
export function lookCloser({ attributes }: LinkLook): Pick<Link, 'mac' | 'mtu' | 'peer'> {
  const [mac, mtu, peer] = [rt.IFLA_ADDRESS, rt.IFLA_MTU, rt.IFLA_LINK].map((type) => findAttribute(attributes, type));
  return { mac: mac ?? new Uint8Array(6), mtu: mtu === undefined ? 0 : readU32le(mtu), peer: peer && readU32le(peer) };
}

/**
 * The accept_ra of the link, as the sysctl has it: 0 takes no router advertisements, 1 takes them unless the link forwards, 2
 * in any case.
 * @returns undefined where the link has no IPv6. @throws Truncated
 */
export function acceptRaOf(link: Pick<Link, 'families'>): number | undefined {
  return ipv6Parameter(link, rt.DEVCONF_ACCEPT_RA);
}

/** Whether the link forwards IPv6, as sysctl `conf/<link>/forwarding` has it. @throws Truncated */
export function isForwardingIpv6(link: Pick<Link, 'families'>): boolean {
  return ipv6Parameter(link, rt.DEVCONF_FORWARDING) === 1;
}

function decodePort(info: Attributes): BridgePort {
  const data = nested(info, rt.IFLA_INFO_SLAVE_DATA);
  return { hairpin: flagAt(data, rt.IFLA_BRPORT_MODE), isolated: flagAt(data, rt.IFLA_BRPORT_ISOLATED) };
}

function ipv6Parameter({ families }: Pick<Link, 'families'>, place: number): number | undefined {
  if (families === undefined) return undefined;
  const conf = nested(decodeAttributes(families), rt.AF_INET6).get(rt.IFLA_INET6_CONF);
  return conf && readI32le(conf, place * 4);
}
