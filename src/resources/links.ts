/** Finds links, their addresses, and the uplink of the node. */

import type { Family, Ip } from '../address/ip.ts';
import { Fault } from '../fault.ts';
import { type Connection, execute } from '../netlink/connection.ts';
import { KernelError, unlessRefused } from '../netlink/error.ts';
import { decodeAddress, type LinkAddress, listAddresses } from '../netlink/route/address.ts';
import { decodeLink, getLink, type Link, type LinkKey, listLinks } from '../netlink/route/link.ts';
import { decodePreferredSource, decodeRoute, findRoute, type LinkRoute } from '../netlink/route/route.ts';
import { ENODEV } from '../sys/errno.ts';
import type { Node } from './node.ts';

/**
 * Addresses that no host has (RFC 5737 TEST-NET-2, RFC 6666 discard-only): only a default route leads there. One look-up costs
 * the same on a node with a hundred thousand routes.
 */
const NOWHERE: Record<Family, Ip> = {
  4: { family: 4, value: 0xc633_6401n },
  6: { family: 6, value: (0x100n << 112n) | 1n },
};

/** @returns undefined where there is none. @throws KernelError */
export function findLink(connection: Connection, key: LinkKey): Link | undefined {
  const reply = unlessRefused([ENODEV], () => execute(connection, getLink(key))[0]?.[0]);
  return reply && decodeLink(reply.payload);
}

/** A link of the node, as this call saw it last, or read now. @returns undefined where there is none. @throws KernelError */
export function knownLink({ route, links }: Node, name: string): Link | undefined {
  const known = links.get(name) ?? findLink(route, name);
  if (known !== undefined) links.set(name, known);
  return known;
}

/** Like `knownLink`, for a link that must be there. @throws Fault `busy`, KernelError */
export function linkNamed(node: Node, name: string): Link {
  const link = knownLink(node, name);
  if (link !== undefined) return link;
  throw new Fault('busy', `cannot use ${name}: it was removed as soon as it was made`, { details: 'Try again.' });
}

/** All links of the netns, or the ports of one bridge. @throws KernelError */
export function findLinks(connection: Connection, master?: number): Link[] {
  const links = (execute(connection, listLinks(master))[0] ?? []).map(({ payload }) => decodeLink(payload));
  return master === undefined ? links : links.filter((link) => link.master === master);
}

/** The addresses of one link and family. @throws KernelError */
export function findAddresses(connection: Connection, index: number, family: Family): LinkAddress[] {
  const replies = execute(connection, listAddresses(index, family))[0] ?? [];
  return replies.map(({ payload }) => decodeAddress(payload)).filter((address) => address.index === index);
}

/** The addresses of all links of the netns. @throws KernelError */
export function findAllAddresses(connection: Connection): LinkAddress[] {
  // One dump at a time: the kernel refuses a second one on the same socket until the first is complete.
  const replies = ([4, 6] as const).flatMap((family) => execute(connection, listAddresses(0, family))[0] ?? []);
  return replies.map(({ payload }) => decodeAddress(payload));
}

/** The link of the default route. @returns undefined where the node has no default route of the family. @throws KernelError */
export function findUplink(connection: Connection, family: Family): Link | undefined {
  const index = findDefaultRoute(connection, family)?.index;
  return index === undefined ? undefined : findLink(connection, index);
}

/** The default route of a family. @returns undefined where there is none. @throws KernelError */
export function findDefaultRoute(connection: Connection, family: Family): LinkRoute | undefined {
  const reply = defaultRouteReply(connection, family);
  return reply && decodeRoute(reply);
}

/** The source address that packets of the node get on the default route. @returns undefined where there is none */
export function findDefaultSource(connection: Connection, family: Family): Ip | undefined {
  const reply = defaultRouteReply(connection, family);
  return reply && decodePreferredSource(reply);
}

function defaultRouteReply(connection: Connection, family: Family): Uint8Array | undefined {
  try {
    return execute(connection, findRoute(NOWHERE[family]))[0]?.[0]?.payload;
  } catch (error) {
    // There is no route, or one that prohibits, or the kernel has no IPv6.
    if (error instanceof KernelError) return undefined;
    throw error;
  }
}
