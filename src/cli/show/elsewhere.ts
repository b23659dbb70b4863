/** What a thing is on the node where it is no attachment: a bridge's address, an interface, a netns without attachment. */

import { formatCidr } from '../../address/cidr.ts';
import { type Ip, sameIp } from '../../address/ip.ts';
import type { Link } from '../../netlink/route/link.ts';
import { findAllAddresses } from '../../resources/links.ts';
import { aliasOwner } from '../../resources/names.ts';
import type { Node } from '../../resources/node.ts';
import { statPath } from '../../sys/directory.ts';
import { sameNetns } from '../../sys/netns.ts';
import type { Inventory } from '../inventory/inventory.ts';
import { addressIn, netnsPathIn } from '../inventory/thing.ts';

/** A sentence on what the node knows of the thing; undefined where it knows nothing. @throws KernelError, SystemError */
export function whatItIs(node: Node, thing: string, { links, networks }: Inventory): string | undefined {
  const ip = addressIn(thing);
  if (ip !== undefined) return addressOnNode(node, ip, links);
  const link = links.find(({ name }) => name === thing);
  if (link !== undefined) return linkText(link, links);
  if (networks.some(({ network }) => network === thing))
    return `${thing} is a network; "trestle list --network ${thing}" lists its attachments.`;
  const path = netnsPathIn(thing);
  return path === undefined ? undefined : netnsText(node, thing, path);
}

function addressOnNode({ route }: Node, ip: Ip, links: readonly Link[]): string | undefined {
  const own = findAllAddresses(route).find(({ address }) => sameIp(address.ip, ip));
  const link = links.find(({ index }) => index === own?.index);
  if (own === undefined || link === undefined) return undefined;
  const text = formatCidr(own.address);
  if (link.kind !== 'bridge') return `${text} is an address of this node, on ${link.name}.`;
  const ports = links.filter(({ master }) => master === link.index).length;
  return `${text} is an address of the bridge ${link.name} (${portsText(ports)}): the gateway of its containers.`;
}

function linkText({ name, kind, master, alias }: Link, links: readonly Link[]): string {
  const bridge = links.find(({ index }) => index === master)?.name;
  const what = kind === 'bridge' ? 'a bridge' : `an interface (${kind ?? 'hardware or loopback'})`;
  const where = bridge === undefined ? '' : `, a port of ${bridge}`;
  const owner = aliasOwner(alias);
  const whose =
    owner === undefined
      ? 'and no host veth of an attachment'
      : `and its alias names the attachment ${owner}, of which there is no record`;
  return `${name} is ${what} of this node${where}, ${whose}.`;
}

function netnsText({ netns }: Node, thing: string, path: string): string {
  const there = statPath(path);
  if (there === undefined) return thing === path ? `There is no file ${path}.` : `There is no process ${thing}.`;
  const { inode, device } = there;
  const where = thing === path ? path : `The process ${thing}`;
  if (sameNetns(netns, { ...netns, inode, device })) {
    return thing === path ? `${where} is the netns of this node.` : `${where} lives in the netns of this node.`;
  }
  return thing === path
    ? `${where} is there, without an attachment.`
    : `${where} lives in a netns without an attachment.`;
}

function portsText(count: number): string {
  return count === 1 ? '1 port' : `${count} ports`;
}
