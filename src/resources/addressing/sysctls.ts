/** The kernel parameters of a container's interface. Each is set before the interface is up: later would be too late. */

import { type Proc, withPrivateProc } from '../../sys/proc.ts';
import type { Container } from '../node.ts';
import { ensureSysctl, preferSysctl, setSysctl } from '../sysctl.ts';

export interface Ipv6Wanted {
  /** Whether the interface has an IPv6 address. */
  readonly isUsed: boolean;
  readonly detectDuplicates: boolean;
}

/** @throws Fault `io` */
export function prepareInterface(container: Container, name: string, ipv6: Ipv6Wanted): void {
  inside(container, (proc) => {
    setNoAdvertisements(name, proc);
    if (!ipv6.isUsed) return;
    // Neighbours learn the MAC that an address has after duplicate address detection, or a later change of the MAC.
    preferSysctl(`ipv6/conf/${name}/ndisc_notify`, '1', proc);
    // Otherwise IPv6 alone loses its addresses when the interface is set down and up again.
    preferSysctl(`ipv6/conf/${name}/keep_addr_on_down`, '1', proc);
    if (!ipv6.detectDuplicates) preferSysctl(`ipv6/conf/${name}/accept_dad`, '0', proc);
    for (const device of ['lo', name]) ensureSysctl(`ipv6/conf/${device}/disable_ipv6`, '0', proc);
  });
}

/** No router advertisement may configure a container, from whatever router. @throws Fault `io` */
export function refuseAdvertisements(container: Container, name: string): void {
  inside(container, (proc) => setNoAdvertisements(name, proc));
}

function setNoAdvertisements(name: string, proc: Proc): void {
  setSysctl(`ipv6/conf/${name}/accept_ra`, '0', proc);
}

function inside(container: Container, act: (proc: Proc) => void): void {
  container.within(() => withPrivateProc(act));
}
