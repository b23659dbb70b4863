/** Forwarding between the bridge and the rest of the world. */

import type { Family } from '../address/ip.ts';
import { Fault } from '../fault.ts';
import { ensureSysctl, readSysctl } from './sysctl.ts';

const SYSCTL: Record<Family, string> = { 4: 'ipv4/ip_forward', 6: 'ipv6/conf/all/forwarding' };

/** Turns forwarding on in the node's netns, for the families that are used. @throws Fault `io` */
export function ensureForwarding(families: ReadonlySet<Family>): void {
  for (const family of families) ensureSysctl(SYSCTL[family], '1');
}

/** @throws Fault `check` when the node does not forward one of the families */
export function verifyForwarding(families: ReadonlySet<Family>): void {
  for (const family of families) {
    const found = readSysctl(SYSCTL[family]);
    if (found === '1') continue;
    const name = `net.${SYSCTL[family].replaceAll('/', '.')}`;
    throw new Fault('check', `forwarding is off: ${name} is ${found ?? 'missing'}, expected 1`, {
      details: `Something on the node turned it off; "sysctl -w ${name}=1" turns it on again.`,
    });
  }
}
