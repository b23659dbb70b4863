/** The MTU of an attachment: configured, or inherited from the bridge or from the node's uplink; and what the kernel allows. */

import { formatCidr, isLinkLocal } from '../../address/cidr.ts';
import type { Family } from '../../address/ip.ts';
import { Fault } from '../../fault.ts';
import type { Connection } from '../../netlink/connection.ts';
import type { Link } from '../../netlink/route/link.ts';
import { findAddresses, findLinks, findUplink } from '../links.ts';
import { isOurAlias } from '../names.ts';

/**
 * The least MTU of a family: the kernel disables IPv6 on an interface with less (RFC 8200, section 5), and a veth takes no
 * less than 68 (RFC 791).
 */
const LEAST: Record<Family, number> = { 4: 68, 6: 1280 };
/** The largest MTU of a veth and of a bridge (ETH_MAX_MTU). The loopback interface has a larger one. */
const MOST = 65_535;
/** The MTU of a bridge or veth that is made without one (ETH_DATA_LEN). */
export const DEFAULT_MTU = 1500;

/** An MTU and where it comes from. */
export type Mtu =
  /** Undefined: the kernel's default. */
  | { readonly value: number | undefined; readonly from: 'configuration' | 'uplink' }
  | { readonly value: number; readonly from: 'bridge'; readonly bridge: string };

/**
 * The MTU where none is configured. On a bridge with ports of other programs it is the bridge's, since a larger frame would be
 * dropped silently at their ports. Otherwise it is the MTU of the interface of the default route. The ports are looked at only
 * where the two differ. @throws KernelError
 */
export function inheritedMtu(connection: Connection, bridge: Link | undefined): Mtu {
  const uplink = (findUplink(connection, 4) ?? findUplink(connection, 6))?.mtu;
  const isOther = bridge !== undefined && bridge.mtu !== (uplink ?? DEFAULT_MTU);
  if (!isOther || !hasPortsOfOthers(connection, bridge)) return { value: uplink, from: 'uplink' };
  return { value: bridge.mtu, from: 'bridge', bridge: bridge.name };
}

/**
 * The MTU of an attachment with addresses of these families. The uplink's is brought into the range from 1280 to 65535.
 * @throws Fault `config` or `conflict`, where the MTU of the configuration or of the bridge is too small
 */
export function fittingMtu(mtu: Mtu, families: ReadonlySet<Family>): number | undefined {
  const { value, from } = mtu;
  if (value === undefined) return undefined;
  // Also for IPv4 alone: a port with less would take IPv6 from the bridge. The node reports the path's MTU to the container.
  if (from === 'uplink') return Math.min(Math.max(value, LEAST[6]), MOST);
  const least = families.has(6) ? LEAST[6] : LEAST[4];
  if (value >= least) return value;
  throw mtu.from === 'bridge' ? bridgeTooSmall({ name: mtu.bridge, mtu: value }) : tooSmall(value, least);
}

/** Whether the kernel has IPv6 on such a link. */
export function allowsIpv6({ mtu }: Pick<Link, 'mtu'>): boolean {
  return mtu >= LEAST[6];
}

/**
 * A bridge takes the least MTU of its ports, and below 1280 the kernel removes its IPv6 addresses: other containers would lose
 * their gateway. @throws Fault `conflict`, KernelError
 */
export function verifyKeepsIpv6(connection: Connection, bridge: Link, mtu: number | undefined): void {
  if (mtu === undefined || mtu >= LEAST[6]) return;
  const present = findAddresses(connection, bridge.index, 6).map(({ address }) => address);
  const lost = present.find((address) => !isLinkLocal(address.ip));
  if (lost === undefined) return;
  const reason = `its address ${formatCidr(lost)} would go, for the kernel has no IPv6 on a bridge below ${LEAST[6]}`;
  throw new Fault('conflict', `cannot use the bridge ${bridge.name} for a port with the MTU ${mtu}: ${reason}`, {
    details: `Set "mtu" to ${LEAST[6]} or more, or give the network a "bridge" of its own.`,
  });
}

/** The Fault of a bridge whose MTU is too small for IPv6. A bridge has the least MTU of its ports, unless it was given one. */
export function bridgeTooSmall({ name, mtu }: Pick<Link, 'name' | 'mtu'>): Fault {
  return new Fault(
    'conflict',
    `cannot use the bridge ${name} for IPv6: its MTU is ${mtu}, and IPv6 needs ${LEAST[6]}`,
    {
      details: `Give its ports and it a larger MTU ("ip link set ${name} mtu …"), or use another "bridge".`,
    },
  );
}

function tooSmall(mtu: number, least: number): Fault {
  const reason = least === LEAST[6] ? 'the kernel has no IPv6 on an interface' : 'the kernel has no interface';
  return new Fault('config', `cannot use the configuration: mtu: ${mtu} is too small: ${reason} below ${least}`, {
    details: `Set it to ${least} or more, or leave it out.`,
  });
}

function hasPortsOfOthers(connection: Connection, bridge: Link): boolean {
  return findLinks(connection, bridge.index).some(({ alias }) => !isOurAlias(alias));
}
