/** Requests that create, change and remove links. */

import {
  type Attribute,
  attrBytes,
  attrNest,
  attrText,
  attrU8,
  attrU32,
  createOutput,
  listAttributes,
  putAttributes,
  sizeOfAttributes,
} from '../attribute.ts';
import { readCString } from '../bytes.ts';
import type { Request } from '../connection.ts';
import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL } from '../message.ts';
import * as rt from './constants.ts';
import { type BridgePort, encodeLinkHeader, type Link, type LinkKey, selectLink } from './link.ts';

/** An IPv4 multicast group's (RFC 1112). */
const GROUP_MAC = Uint8Array.of(0x01, 0x00, 0x5e, 0x00, 0x00, 0x01);

interface NewBridge {
  readonly name: string;
  readonly mac: Uint8Array;
  readonly mtu?: number | undefined;
  /** Refused with EOPNOTSUPP by a kernel whose bridges cannot filter by VLAN. */
  readonly vlanFiltering?: boolean | undefined;
}

export interface VethEnd {
  readonly name: string;
  readonly mac: Uint8Array;
  readonly mtu?: number | undefined;
}

interface NewVeth {
  /** Born up, on the bridge. */
  readonly host: VethEnd & { readonly bridge: number };
  /** Born down, in the netns of the open file: veth refuses a peer that is born up (ENOTCONN). */
  readonly container: VethEnd & { readonly netnsFd: number };
}

/** Creates a bridge that is down. It keeps the given MAC, whatever ports it has. */
export function createBridge({ name, mac, mtu, vlanFiltering }: NewBridge): Request {
  const data = vlanFiltering ? [attrNest(rt.IFLA_INFO_DATA, attrU8(rt.IFLA_BR_VLAN_FILTERING, 1))] : [];
  return {
    operation: `create the bridge ${name}`,
    type: rt.RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    header: encodeLinkHeader({}),
    attributes: [
      ...endAttributes({ name, mac, mtu }),
      attrNest(rt.IFLA_LINKINFO, attrText(rt.IFLA_INFO_KIND, 'bridge'), ...data),
    ],
  };
}

/** Creates both ends where they belong, with one request. */
export function createVeth({ host, container }: NewVeth): Request {
  const place = attrU32(rt.IFLA_NET_NS_FD, container.netnsFd);
  // The peer's attributes stand behind an ifinfomsg of its own.
  const peer = concatAttributes(encodeLinkHeader({}), [...endAttributes(container), place]);
  const data = attrNest(rt.IFLA_INFO_DATA, attrBytes(rt.VETH_INFO_PEER, peer));
  return {
    operation: `create the veth pair ${host.name} and ${container.name}`,
    type: rt.RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    header: encodeLinkHeader({ flags: rt.IFF_UP, change: rt.IFF_UP }),
    attributes: [
      ...endAttributes(host),
      attrU32(rt.IFLA_MASTER, host.bridge),
      attrNest(rt.IFLA_LINKINFO, attrText(rt.IFLA_INFO_KIND, 'veth'), data),
    ],
  };
}

/**
 * Asks whether the kernel has a kind of interface, and makes nothing: no interface may have the MAC of the request, a group's.
 * Refused with EADDRNOTAVAIL where the kernel has the kind, or can load it; with EOPNOTSUPP where not.
 */
export function tryKind(kind: 'veth' | 'bridge'): Request {
  return {
    operation: `ask for interfaces of the kind ${kind}`,
    type: rt.RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    header: encodeLinkHeader({}),
    attributes: [attrBytes(rt.IFLA_ADDRESS, GROUP_MAC), attrNest(rt.IFLA_LINKINFO, attrText(rt.IFLA_INFO_KIND, kind))],
  };
}

export function setLinkUp(key: LinkKey): Request {
  const selected = selectLink(key, { flags: rt.IFF_UP, change: rt.IFF_UP });
  return { operation: `set ${key} up`, type: rt.RTM_SETLINK, flags: 0, ...selected };
}

/** Gives the link an alias, which `ip link` shows. */
export function setLinkAlias(key: LinkKey, alias: string): Request {
  const { header, attributes: selected } = selectLink(key);
  const attributes = [...selected, attrText(rt.IFLA_IFALIAS, alias)];
  return { operation: `label ${key}`, type: rt.RTM_SETLINK, flags: 0, header, attributes };
}

/** Keeps IPv6 from making a link-local address for the link. Refused with EAFNOSUPPORT by a kernel without IPv6. */
export function withoutLinkLocal(name: string): Request {
  const mode = attrNest(rt.AF_INET6, attrU8(rt.IFLA_INET6_ADDR_GEN_MODE, rt.IN6_ADDR_GEN_MODE_NONE));
  const { header, attributes: selected } = selectLink(name);
  const attributes = [...selected, attrNest(rt.IFLA_AF_SPEC, mode)];
  const operation = `keep ${name} from having a link-local address`;
  return { operation, type: rt.RTM_SETLINK, flags: 0, header, attributes };
}

/**
 * Makes the kernel announce the IPv4 addresses of the link by ARP when it comes up, as sysctl arp_notify does. Refused with
 * EAFNOSUPPORT where the link has no IPv4, as with an MTU below 68.
 */
export function setArpNotify(index: number): Request {
  const conf = attrNest(rt.IFLA_INET_CONF, attrU32(rt.IPV4_DEVCONF_ARP_NOTIFY, 1));
  const { header } = selectLink(index);
  const attributes = [attrNest(rt.IFLA_AF_SPEC, attrNest(rt.AF_INET, conf))];
  return { operation: `set arp_notify of link ${index}`, type: rt.RTM_SETLINK, flags: 0, header, attributes };
}

/** Sets the MAC of a link. A bridge whose MAC is set keeps it, whatever ports it has. */
export function setLinkMac(index: number, mac: Uint8Array): Request {
  const attributes = [attrBytes(rt.IFLA_ADDRESS, mac)];
  const operation = `set the MAC of link ${index}`;
  return { operation, type: rt.RTM_SETLINK, flags: 0, header: encodeLinkHeader({ index }), attributes };
}

/** Sets the MTU of a link. A bridge whose MTU is set keeps it, whatever ports it has. */
export function setLinkMtu(index: number, mtu: number): Request {
  const attributes = [attrU32(rt.IFLA_MTU, mtu)];
  const operation = `set the MTU of link ${index}`;
  return { operation, type: rt.RTM_SETLINK, flags: 0, header: encodeLinkHeader({ index }), attributes };
}

/** Makes a link a port of a bridge. Refused with EXFULL where the bridge has no port number left. */
export function setLinkMaster(index: number, bridge: number): Request {
  const attributes = [attrU32(rt.IFLA_MASTER, bridge)];
  const operation = `make link ${index} a port of link ${bridge}`;
  return { operation, type: rt.RTM_SETLINK, flags: 0, header: encodeLinkHeader({ index }), attributes };
}

/** Sets whether the link takes every frame, whatever its destination. */
export function setLinkPromiscuous(index: number, on: boolean): Request {
  const header = encodeLinkHeader({ index, flags: on ? rt.IFF_PROMISC : 0, change: rt.IFF_PROMISC });
  return {
    operation: `turn ${on ? 'on' : 'off'} promiscuous mode of link ${index}`,
    type: rt.RTM_SETLINK,
    flags: 0,
    header,
    attributes: [],
  };
}

/** Sets both options of a bridge port. */
export function setBridgePort(index: number, { hairpin, isolated }: BridgePort): Request {
  const options = [attrU8(rt.IFLA_BRPORT_MODE, Number(hairpin)), attrU8(rt.IFLA_BRPORT_ISOLATED, Number(isolated))];
  return {
    operation: `set the bridge port options of link ${index}`,
    type: rt.RTM_SETLINK,
    flags: 0,
    header: encodeLinkHeader({ family: rt.AF_BRIDGE, index }),
    attributes: [attrNest(rt.IFLA_PROTINFO, ...options)],
  };
}

/** Removes a link, a veth together with its peer; refused with ENODEV where there is none. */
export function deleteLink(key: LinkKey): Request {
  return { operation: `delete the interface ${key}`, type: rt.RTM_DELLINK, flags: 0, ...selectLink(key) };
}

/** Refused with EEXIST where a link of the netns has the name, and with EOPNOTSUPP by kernels before 5.5. */
export function addAlternativeName(index: number, name: string): Request {
  const flags = NLM_F_EXCL | NLM_F_CREATE | NLM_F_APPEND;
  return { operation: `add the alternative name ${name}`, type: rt.RTM_NEWLINKPROP, flags, ...properties(index, name) };
}

/** Refused with EINVAL where the link does not have the name. */
export function removeAlternativeName(index: number, name: string): Request {
  return {
    operation: `remove the alternative name ${name}`,
    type: rt.RTM_DELLINKPROP,
    flags: 0,
    ...properties(index, name),
  };
}

/** The alternative names of a link. @throws Truncated */
export function alternativeNames({ properties }: Pick<Link, 'properties'>): string[] {
  const names = properties === undefined ? [] : listAttributes(properties);
  return names.filter(({ type }) => type === rt.IFLA_ALT_IFNAME).map(({ payload }) => readCString(payload));
}

function endAttributes({ name, mac, mtu }: VethEnd): Attribute[] {
  const size = mtu === undefined ? [] : [attrU32(rt.IFLA_MTU, mtu)];
  return [attrText(rt.IFLA_IFNAME, name), attrBytes(rt.IFLA_ADDRESS, mac), ...size];
}

function concatAttributes(header: Uint8Array, attributes: readonly Attribute[]): Uint8Array {
  const output = createOutput(header.length + sizeOfAttributes(attributes));
  output.bytes.set(header);
  putAttributes(output, header.length, attributes);
  return output.bytes;
}

function properties(index: number, name: string): Pick<Request, 'header' | 'attributes'> {
  const list = attrNest(rt.IFLA_PROP_LIST, attrText(rt.IFLA_ALT_IFNAME, name));
  return { header: encodeLinkHeader({ index }), attributes: [list] };
}
