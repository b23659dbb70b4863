/** Subnets that are also elsewhere on the node: packets go to one of the two places, and are lost for the other. */

import { containsIp, formatCidr, networkOf, sameCidr } from '../../../address/cidr.ts';
import { formatIp } from '../../../address/ip.ts';
import { execute } from '../../../netlink/connection.ts';
import type { Link } from '../../../netlink/route/link.ts';
import { decodeRoutes, type LinkRoute, listAllRoutes } from '../../../netlink/route/route.ts';
import { overlapsOf } from '../../../resources/gateway/overlap.ts';
import { findUplink } from '../../../resources/links.ts';
import { editCommand } from '../attachments/commands.ts';
import type { View } from '../attachments/view.ts';
import { commandOf } from '../command-lines.ts';
import type { Finding } from '../examination.ts';
import type { Subnet } from './subnets.ts';

const DOCKER = /^(docker\d|br-[0-9a-f]{12}$)/;

/** A finding for each pair of a subnet and another link that has an address in it, or a subnet around it. */
export function overlapsWithLinks(view: View, subnets: readonly Subnet[]): Finding[] {
  const told = new Set<string>();
  return subnets.flatMap((one) => {
    const own = view.linkNamed(one.link);
    return overlapsOf(view.nodeAddresses(), own, [one.subnet]).flatMap(({ other }) => {
      const link = view.linkAt(other.index);
      const pair = [one.link, link?.name ?? `link ${other.index}`].sort().join(' ');
      const key = `${one.subnet.ip.family} ${pair}`;
      if (link === undefined || told.has(key)) return [];
      told.add(key);
      return [withLink(view, one, link, formatCidr(other.address))];
    });
  });
}

/**
 * A finding for each subnet of which a route leads a part, or all, to another link. A wider route is none: that of the bridge is
 * more specific. Routes of the kernel's own making are those of addresses.
 */
export function overlapsWithRoutes(view: View, subnets: readonly Subnet[]): Finding[] {
  if (subnets.length === 0) return [];
  const replies = execute(view.examination.node.route, listAllRoutes())[0] ?? [];
  const own = view.nodeAddresses().map(({ index, address }) => ({ index, network: networkOf(address) }));
  const shortest = Math.min(...subnets.map(({ subnet }) => subnet.prefix));
  const routes = replies
    .filter(({ payload }) => (payload[1] ?? 0) >= shortest)
    .flatMap(({ payload }) => decodeRoutes(payload))
    .filter(({ index, dst }) => !own.some((one) => one.index === index && sameCidr(one.network, dst)));
  return subnets.flatMap((one) => {
    const isInside = ({ dst }: LinkRoute) => dst.prefix >= one.subnet.prefix && containsIp(one.subnet, dst.ip);
    const isOther = ({ index }: LinkRoute) => view.linkAt(index)?.name !== one.link;
    const found = routes.find((route) => isInside(route) && isOther(route));
    return found === undefined ? [] : [withRoute(view, one, found)];
  });
}

function withLink(view: View, one: Subnet, { index, name }: Link, address: string): Finding {
  const { route } = view.examination.node;
  const isUplink = [4, 6].some((family) => findUplink(route, family as 4 | 6)?.index === index);
  const what = isUplink ? 'the uplink' : DOCKER.test(name) ? "Docker's bridge" : 'the interface';
  const edit = editCommand(one.file ?? view.examination.confDir);
  const isNewcomer = one.user !== undefined && !isUplink;
  return {
    level: 'error',
    code: 'subnet-overlaps-link',
    subject: `network ${one.network}`,
    what: `its subnet ${formatCidr(one.subnet)} overlaps that of ${what} ${name}: the node reaches only one of the two`,
    evidence: `${name} has ${address}, and the subnet is on ${one.link}`,
    fix: isNewcomer ? commandOf('ip', 'address', 'delete', address, 'dev', name) : edit,
    isSafe: false,
  };
}

function withRoute(view: View, one: Subnet, { index, dst, gateway }: LinkRoute): Finding {
  const name = view.linkAt(index)?.name ?? `link ${index}`;
  const via = gateway === undefined ? [] : ['via', formatIp(gateway)];
  const destination = formatCidr(dst);
  const family = dst.ip.family === 6 ? ['-6'] : [];
  return {
    level: 'error',
    code: 'subnet-overlaps-route',
    subject: `network ${one.network}`,
    what: `a route leads packets for ${destination} of its subnet ${formatCidr(one.subnet)} away from ${one.link}`,
    evidence: `the main table has ${[destination, ...via, 'dev', name].join(' ')}`,
    fix: commandOf('ip', ...family, 'route', 'delete', destination, ...via, 'dev', name),
    isSafe: false,
  };
}
