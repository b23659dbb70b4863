/** Waiting for IPv6 duplicate address detection (RFC 4862, 5.4), which the kernel takes a second or two for. */

import { formatIp } from '../../address/ip.ts';
import { Fault } from '../../fault.ts';
import type { Link } from '../../netlink/route/link.ts';
import { monotonicMs, sleepMs } from '../../sys/clock.ts';
import { findAddresses } from '../links.ts';
import type { Container } from '../node.ts';

const DEADLINE_MS = 10_000;
const PAUSE_MS = 25;

/** Returns when no address of the interface is tentative any more. @throws Fault `conflict`, `busy`, KernelError */
export function awaitUniqueAddresses({ route }: Container, { index, name }: Pick<Link, 'index' | 'name'>): void {
  for (const end = monotonicMs() + DEADLINE_MS; ; sleepMs(PAUSE_MS)) {
    const addresses = findAddresses(route, index, 6);
    const duplicate = addresses.find((address) => address.duplicate);
    if (duplicate !== undefined) throw inUse(name, formatIp(duplicate.address.ip));
    const waiting = addresses.find((address) => address.tentative);
    if (waiting === undefined) return;
    if (monotonicMs() > end) throw undecided(name, formatIp(waiting.address.ip));
  }
}

function inUse(name: string, ip: string): Fault {
  return new Fault('conflict', `cannot give ${name} the address ${ip}: another host on the bridge has it`, {
    details: 'Find it by its MAC ("ip -6 neighbour"), or exclude the address from the range.',
  });
}

function undecided(name: string, ip: string): Fault {
  const message = `cannot give ${name} the address ${ip}: duplicate address detection did not end within 10 s`;
  return new Fault('busy', message, {
    details:
      'It needs a bridge that forwards: a port waits 30 s where STP is on. Without "enabledad" nothing is waited for.',
  });
}
