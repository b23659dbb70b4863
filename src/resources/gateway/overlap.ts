/**
 * Finds subnets of a network that are also elsewhere on the node: packets go to one of the two places, and are lost for the
 * other.
 */

import { type Cidr, formatCidr, isLinkLocal, networkOf, overlaps } from '../../address/cidr.ts';
import { Fault } from '../../fault.ts';
import { type Connection, execute } from '../../netlink/connection.ts';
import { decodeAddress, type LinkAddress, listAddresses } from '../../netlink/route/address.ts';
import { findLink } from '../links.ts';

/** The number of the loopback interface in every network namespace (LOOPBACK_IFINDEX). */
const LOOPBACK = 1;

/** A subnet of a network and an address of another link, in each other's range. */
interface Overlap {
  readonly gateway: Cidr;
  readonly other: LinkAddress;
}

/** The first overlap of each gateway with the addresses of links other than `own` and loopback. */
export function overlapsOf(
  present: readonly LinkAddress[],
  own: { readonly index: number } | undefined,
  gateways: readonly Cidr[],
): Overlap[] {
  const others = present.filter(({ index }) => index !== own?.index && index !== LOOPBACK);
  return gateways
    .filter(({ ip }) => !isLinkLocal(ip))
    .flatMap((gateway) => {
      const other = others.find(({ address }) => overlaps(address, gateway));
      return other === undefined ? [] : [{ gateway, other }];
    });
}

/**
 * Compares the gateways' subnets with those of all other links, the uplink's among them, by one dump for each family. `own` is
 * the link that has the gateways, where it is there. Link-local subnets are each link's own. @returns a Fault `limited` for the first overlap. @throws KernelError
 */
export function findOverlap(
  connection: Connection,
  own: { readonly index: number } | undefined,
  gateways: readonly Cidr[],
): Fault | undefined {
  const routed = gateways.filter(({ ip }) => !isLinkLocal(ip));
  for (const family of new Set(routed.map(({ ip }) => ip.family))) {
    const present = (execute(connection, listAddresses(0, family))[0] ?? []).map(({ payload }) =>
      decodeAddress(payload),
    );
    const [first] = overlapsOf(present, own, routed);
    if (first !== undefined) return overlap(connection, first);
  }
  return undefined;
}

function overlap(connection: Connection, { gateway, other: { index, address } }: Overlap): Fault {
  const name = findLink(connection, index)?.name ?? `link ${index}`;
  const subnet = formatCidr(networkOf(gateway));
  return new Fault('limited', `the subnet ${subnet} overlaps the address ${formatCidr(address)} of ${name}`, {
    details: `Where both have a host, the node reaches only one of them. Give the network another subnet, or ${name}.`,
  });
}
