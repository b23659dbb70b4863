/** The interface that a node's default route leaves by. */

import type { Family, Ip } from '../address/ip.ts';
import { type Connection, execute } from '../netlink/connection.ts';
import { KernelError } from '../netlink/error.ts';
import type { Link } from '../netlink/route/link.ts';
import { decodeRoute, findRoute } from '../netlink/route/route.ts';
import { findLink } from './links.ts';

/**
 * Addresses that no host has (RFC 5737 TEST-NET-2, RFC 6666 discard-only): only a default route leads there, and one
 * look-up costs the same on a node with a hundred thousand routes.
 */
const NOWHERE: Record<Family, Ip> = {
  4: { family: 4, value: 0xc633_6401n },
  6: { family: 6, value: (0x100n << 112n) | 1n },
};

/** @returns undefined where the node has no default route of the family. @throws KernelError */
export function findUplink(connection: Connection, family: Family): Link | undefined {
  const index = defaultInterface(connection, NOWHERE[family]);
  return index === undefined ? undefined : findLink(connection, index);
}

function defaultInterface(connection: Connection, ip: Ip): number | undefined {
  try {
    const reply = execute(connection, findRoute(ip))[0]?.[0];
    return reply && decodeRoute(reply.payload)?.index;
  } catch (error) {
    // No route, a prohibiting one, no IPv6 in the kernel.
    if (error instanceof KernelError) return undefined;
    throw error;
  }
}
