/** Forwarding between the bridge and the rest of the world. */

import type { Family } from '../../address/ip.ts';
import { Fault } from '../../fault.ts';
import { type Connection, execute } from '../../netlink/connection.ts';
import { isKernelError } from '../../netlink/error.ts';
import { decodeForwarding, getNetconf } from '../../netlink/route/netconf.ts';
import { EOPNOTSUPP } from '../../sys/errno.ts';
import { ensureSysctl, readSysctl } from '../sysctl.ts';

const SYSCTL: Record<Family, string> = { 4: 'ipv4/ip_forward', 6: 'ipv6/conf/all/forwarding' };

/** Turns forwarding on in the node's netns, for the families that are used. @throws Fault `io`, KernelError */
export function ensureForwarding(connection: Connection, families: ReadonlySet<Family>): void {
  for (const family of families) {
    if (!isForwarding(connection, family)) ensureSysctl(SYSCTL[family], '1');
  }
}

/** Whether the node forwards what is of the family; not where the kernel does not tell. @throws KernelError */
export function isForwarding(connection: Connection, family: Family): boolean {
  try {
    const [reply] = execute(connection, getNetconf(family))[0] ?? [];
    return reply !== undefined && decodeForwarding(reply.payload) === 1;
  } catch (error) {
    if (isKernelError(error, EOPNOTSUPP)) return false;
    throw error;
  }
}

/** @throws Fault `check` when the node does not forward one of the families, KernelError */
export function verifyForwarding(connection: Connection, families: ReadonlySet<Family>): void {
  for (const family of families) {
    if (isForwarding(connection, family)) continue;
    const found = readSysctl(SYSCTL[family]);
    if (found === '1') continue;
    const name = `net.${SYSCTL[family].replaceAll('/', '.')}`;
    throw new Fault('check', `forwarding is off: ${name} is ${found ?? 'missing'}, expected 1`, {
      details: `Something on the node turned it off; "sysctl -w ${name}=1" turns it on again.`,
    });
  }
}
