/** The bridge's own addresses, which are the containers' gateways. */

import { type Cidr, containsIp, formatCidr } from '../address/cidr.ts';
import { sameIp } from '../address/ip.ts';
import { Fault } from '../fault.ts';
import { type Connection, execute } from '../netlink/connection.ts';
import { isKernelError } from '../netlink/error.ts';
import { addAddress } from '../netlink/route/address.ts';
import type { Link } from '../netlink/route/link.ts';
import { EEXIST } from '../sys/errno.ts';
import { findAddresses } from './links.ts';
import { ensureSysctl } from './sysctl.ts';

/**
 * Gives the bridge each gateway address that it lacks, IPv6 without duplicate address detection.
 * @throws Fault `conflict` when the bridge has another address that would contradict it, KernelError
 */
export function ensureGateways(connection: Connection, bridge: Link, gateways: readonly Cidr[]): void {
  for (const gateway of gateways) {
    const present = findAddresses(connection, bridge.index, gateway.ip.family).map(({ address }) => address);
    if (present.some((address) => sameCidr(address, gateway))) continue;
    const contradicting = present.find((address) => contradicts(address, gateway));
    if (contradicting !== undefined) throw otherAddress(bridge, contradicting, gateway);
    // Nodes may have IPv6 off for new links; the gateway is asked for explicitly.
    if (gateway.ip.family === 6) ensureSysctl(`ipv6/conf/${bridge.name}/disable_ipv6`, '0');
    add(connection, bridge, gateway);
  }
}

export function sameCidr(a: Cidr, b: Cidr): boolean {
  return a.prefix === b.prefix && sameIp(a.ip, b.ip);
}

/** As in the reference: one IPv4 address a bridge; several IPv6 ones if their subnets do not overlap. */
function contradicts(present: Cidr, gateway: Cidr): boolean {
  return gateway.ip.family === 4 || containsIp(present, gateway.ip) || containsIp(gateway, present.ip);
}

function add(connection: Connection, bridge: Link, gateway: Cidr): void {
  try {
    execute(connection, addAddress(bridge.index, gateway, false));
  } catch (error) {
    if (!isKernelError(error, EEXIST)) throw error;
  }
}

function otherAddress({ name }: Link, present: Cidr, wanted: Cidr): Fault {
  const message = `cannot give ${name} the gateway address ${formatCidr(wanted)}: it has ${formatCidr(present)} already`;
  return new Fault('conflict', message, {
    details:
      `Was the network's subnet changed? When no container uses ${name} any more, run "ip address del ` +
      `${formatCidr(present)} dev ${name}", or set "bridge" to a name of its own for this network.`,
  });
}
