/** The MTU that attachments get when none is configured. */

import type { Ip } from '../../address/ip.ts';
import { type Connection, execute } from '../../netlink/connection.ts';
import { KernelError } from '../../netlink/error.ts';
import { decodeRoute, findRoute } from '../../netlink/route/route.ts';
import { findLink } from '../links.ts';

/**
 * Addresses that no host has (RFC 5737 TEST-NET-2, RFC 6666 discard-only): only a default route leads there, and one
 * look-up costs the same on a node with a hundred thousand routes.
 */
const NOWHERE: readonly Ip[] = [
  { family: 4, value: 0xc633_6401n },
  { family: 6, value: (0x100n << 112n) | 1n },
];

/** The MTU of the interface that the default route leaves by. @returns undefined where there is none */
export function uplinkMtu(connection: Connection): number | undefined {
  for (const ip of NOWHERE) {
    const index = defaultInterface(connection, ip);
    const link = index === undefined ? undefined : findLink(connection, index);
    if (link !== undefined) return link.mtu;
  }
  return undefined;
}

function defaultInterface(connection: Connection, ip: Ip): number | undefined {
  try {
    const reply = execute(connection, findRoute(ip))[0]?.[0];
    return reply && decodeRoute(reply.payload)?.index;
  } catch (error) {
    // No route, a prohibiting one, no IPv6 in the kernel: there is no uplink to take the MTU of.
    if (error instanceof KernelError) return undefined;
    throw error;
  }
}
