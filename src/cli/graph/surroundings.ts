/** What is drawn around the containers: read from the node, a dump each, whatever the number of containers. */

import { formatCidr, isLinkLocal } from '../../address/cidr.ts';
import { type Family, formatIp } from '../../address/ip.ts';
import type { LinkAddress } from '../../netlink/route/address.ts';
import type { Link } from '../../netlink/route/link.ts';
import { findAllAddresses, findDefaultRoute } from '../../resources/links.ts';
import type { Node } from '../../resources/node.ts';
import { readSysctl } from '../../resources/sysctl.ts';
import type { Inventory } from '../inventory/inventory.ts';
import { masqueradedOn } from './masqueraded.ts';
import type { Surroundings, Uplink } from './model.ts';

const FAMILIES = [4, 6] as const;
const FORWARDING: Readonly<Record<Family, string>> = { 4: 'ipv4/ip_forward', 6: 'ipv6/conf/all/forwarding' };

/** @throws KernelError, Fault `io`, SystemError */
export function surroundingsOf(node: Node, { links }: Pick<Inventory, 'links'>): Surroundings {
  const all = findAllAddresses(node.route);
  const addresses = all.filter(({ address: { ip } }) => ip.family === 4 || !isLinkLocal(ip));
  return {
    addresses,
    uplinks: uplinksOf(node, links, addresses),
    forwarding: FAMILIES.filter((family) => readSysctl(FORWARDING[family]) === '1'),
    masqueraded: masqueradedOn(node),
  };
}

/** The link of each family's default route: mostly one link for both. */
function uplinksOf({ route }: Node, links: readonly Link[], addresses: readonly LinkAddress[]): Uplink[] {
  const defaults = FAMILIES.flatMap((family) => findDefaultRoute(route, family) ?? []);
  return [...new Set(defaults.map(({ index }) => index))].map((uplink) => ({
    interface: links.find(({ index }) => index === uplink)?.name ?? String(uplink),
    addresses: addresses.filter(({ index }) => index === uplink).map(({ address }) => formatCidr(address)),
    via: defaults.flatMap(({ index, gateway }) =>
      index === uplink && gateway !== undefined ? [formatIp(gateway)] : [],
    ),
  }));
}
