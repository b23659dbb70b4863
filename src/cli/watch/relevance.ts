/** Which notifications are a reason to look at the node: those that may be about something of ours. */

import { findAttribute } from '../../netlink/attribute.ts';
import { readCString, readI32le, readU8 } from '../../netlink/bytes.ts';
import type { Message } from '../../netlink/message.ts';
import * as nft from '../../netlink/nft/constants.ts';
import type { Source } from '../../netlink/notifications.ts';
import * as rt from '../../netlink/route/constants.ts';
import { isOurAlias } from '../../resources/names.ts';

/** What is to be looked at. */
export type Scope = 'filters' | 'everything';

/** The links that attachments use, as the last look found them. */
export interface Ours {
  readonly names: ReadonlySet<string>;
  readonly indexes: ReadonlySet<number>;
}

/** linux/rtnetlink.h, linux/netconf.h, linux/netfilter/nf_tables.h. */
const RTM_DELADDR = 21;
const RTM_DELROUTE = 25;
const RTM_NEWNETCONF = 80;
const NETCONFA_IFINDEX = 1;
const NETCONFA_IFINDEX_ALL = -1;
const RTA_OIF = 4;
const NFT_MSG_NEWGEN = 15;
/** In each message about a table's parts, the attribute 1 names the table. */
const TABLE_NAME = 1;
const HEADERS = { link: 16, route: 12, netconf: 4, nft: 4 } as const;

/** Tables whose changes never concern what we accept or masquerade, and that change all the time. */
const UNCONCERNED = ['kube-proxy', 'cni_plugins_masquerade'];
/** Sets and elements of other programs' tables: a firewall's list of addresses may change many times a second. */
const PARTS = [nft.NFT_MSG_NEWSET, nft.NFT_MSG_DELSET, nft.NFT_MSG_NEWSETELEM, nft.NFT_MSG_DELSETELEM];

/** @returns what to look at after a notification; undefined where it is about something else. @throws Truncated */
export function relevanceOf(source: Source, message: Message, ours: Ours): Scope | undefined {
  if (source === 'nftables') return concernsFilters(message) ? 'filters' : undefined;
  return concernsLinks(message, ours) ? 'everything' : undefined;
}

function concernsFilters({ type, payload }: Message): boolean {
  const kind = type & 0xff;
  if (type >> 8 !== nft.NFNL_SUBSYS_NFTABLES || kind === NFT_MSG_NEWGEN) return false;
  const name = findAttribute(payload.subarray(HEADERS.nft), TABLE_NAME);
  const table = name === undefined ? '' : readCString(name);
  if (table === 'trestle') return true;
  return !UNCONCERNED.includes(table) && !PARTS.includes(kind);
}

function concernsLinks({ type, payload }: Message, { names, indexes }: Ours): boolean {
  switch (type) {
    case rt.RTM_NEWLINK:
    case rt.RTM_DELLINK: {
      const attributes = payload.subarray(HEADERS.link);
      const name = findAttribute(attributes, rt.IFLA_IFNAME);
      if (indexes.has(readI32le(payload, 4)) || (name !== undefined && names.has(readCString(name)))) return true;
      const alias = findAttribute(attributes, rt.IFLA_IFALIAS);
      return alias !== undefined && isOurAlias(readCString(alias));
    }
    case rt.RTM_NEWADDR:
    case RTM_DELADDR:
      return indexes.has(readI32le(payload, 4));
    case rt.RTM_NEWROUTE:
    case RTM_DELROUTE: {
      const link = findAttribute(payload.subarray(HEADERS.route), RTA_OIF);
      // The default route leads to the uplink, to which drops are looked for.
      return readU8(payload, 1) === 0 || (link !== undefined && indexes.has(readI32le(link)));
    }
    case RTM_NEWNETCONF: {
      const link = findAttribute(payload.subarray(HEADERS.netconf), NETCONFA_IFINDEX);
      return link !== undefined && readI32le(link) === NETCONFA_IFINDEX_ALL;
    }
    default:
      return false;
  }
}
