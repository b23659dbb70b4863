/** Forwarding between the bridge and the rest of the world (net.ipv4.ip_forward, net.ipv6.conf.all.forwarding). */

import * as z from 'zod/mini';
import type { Family } from '../../address/ip.ts';
import { Fault } from '../../fault.ts';
import { type Connection, execute } from '../../netlink/connection.ts';
import { unlessRefused } from '../../netlink/error.ts';
import { decodeForwarding, getNetconf } from '../../netlink/route/netns.ts';
import { list, object } from '../../schema/net.ts';
import { EOPNOTSUPP } from '../../sys/errno.ts';
import { advertisedUplinks } from '../bridge/bridge-link.ts';
import { findLink } from '../links.ts';
import { findingOf, type Kind, nothingOwned } from '../resource.ts';
import { acceptRaSysctl, ensureSysctl, readSysctl } from '../sysctl.ts';

/** The parameters that turn forwarding on, below /proc/sys/net. */
export const FORWARDING_SYSCTL: Record<Family, string> = { 4: 'ipv4/ip_forward', 6: 'ipv6/conf/all/forwarding' };

interface ForwardingWanted {
  readonly families: readonly Family[];
}

/** Forwarding in the network namespace of the node. It stays on, since other programs may rely on it by then. */
export const forwardingKind: Kind<ForwardingWanted> = {
  name: 'forwarding',
  schema: object({ families: list(z.literal([4, 6])) }),
  ensure({ route }, { families }) {
    if (families.includes(6)) keepAdvertisedRoutes(route);
    ensureForwarding(route, new Set(families));
  },
  verify: ({ route }, { families }) => findingOf(() => verifyForwarding(route, new Set(families))),
  survey: nothingOwned,
  able: () => undefined,
};

/** Turns forwarding on in the node's netns, for the families that are used. @throws Fault `io`, KernelError */
export function ensureForwarding(connection: Connection, families: ReadonlySet<Family>): void {
  for (const family of families) {
    if (!isForwarding(connection, family)) ensureSysctl(FORWARDING_SYSCTL[family], '1');
  }
}

/** @throws Fault `check` when the node does not forward one of the families, KernelError */
export function verifyForwarding(connection: Connection, families: ReadonlySet<Family>): void {
  for (const family of families) {
    if (isForwarding(connection, family)) continue;
    const found = readSysctl(FORWARDING_SYSCTL[family]);
    if (found === '1') continue;
    const name = `net.${FORWARDING_SYSCTL[family].replaceAll('/', '.')}`;
    throw new Fault('check', `forwarding is off: ${name} is ${found ?? 'missing'}, expected 1`, {
      details: `Something on the node turned it off; "sysctl -w ${name}=1" turns it on again.`,
    });
  }
}

/** Whether the node forwards packets of the family; false where the kernel does not tell. @throws KernelError */
export function isForwarding(connection: Connection, family: Family): boolean {
  const reply = unlessRefused([EOPNOTSUPP], () => execute(connection, getNetconf(family))[0]?.[0]);
  return reply !== undefined && decodeForwarding(reply.payload) === 1;
}

/**
 * Once the node forwards IPv6, an interface with accept_ra=1 ignores router advertisements, and the kernel drops the default
 * routes that they brought (Documentation/networking/ip-sysctl.rst, accept_ra). So an interface with such a route gets
 * accept_ra=2, which holds in spite of forwarding. Called before forwarding is turned on. @throws Fault `io`, KernelError
 */
function keepAdvertisedRoutes(connection: Connection): void {
  if (isForwarding(connection, 6)) return;
  for (const index of advertisedUplinks(connection)) {
    const name = findLink(connection, index)?.name;
    if (name !== undefined && readSysctl(acceptRaSysctl(name)) === '1') ensureSysctl(acceptRaSysctl(name), '2');
  }
}
