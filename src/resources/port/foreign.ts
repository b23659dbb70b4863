/** Interfaces that another plugin made, as the reference did before this one took its place. */

import { Fault } from '../../fault.ts';
import type { Attachment } from '../../ipam/index.ts';
import { execute } from '../../netlink/connection.ts';
import type { Link } from '../../netlink/route/link.ts';
import { decodeNetnsNumber, getNetnsNumber } from '../../netlink/route/netns.ts';
import { sameNetns } from '../../sys/netns.ts';
import { findLink } from '../links.ts';
import { aliasOwner } from '../names.ts';
import { type Container, type Node, withContainer } from '../node.ts';
import { removeHostVeth } from './veth.ts';

/**
 * Removes the container's interface if it is a veth whose other end is a port of our bridge and not labelled as another
 * attachment's; anything else is none of our business. A netns that is not there any more took its interfaces with it.
 * @throws KernelError
 */
export function removeForeignInterface(node: Node, attachment: Attachment & { netns: string }, bridge: string): void {
  try {
    withContainer(node, attachment.netns, (container) => {
      if (!sameNetns(node.netns, container.netns)) removeForeignVeth(node, container, attachment.ifName, bridge);
    });
  } catch (error) {
    if (!(error instanceof Fault && error.kind === 'environment')) throw error;
  }
}

function removeForeignVeth(node: Node, container: Container, ifName: string, bridge: string): void {
  const inside = findLink(container.route, ifName);
  const outside = inside?.kind === 'veth' ? otherEnd(node, container, inside) : undefined;
  if (outside?.master === undefined || outside.master !== findLink(node.route, bridge)?.index) return;
  if (aliasOwner(outside.alias) === undefined) removeHostVeth(node.route, outside.name);
}

/** The other end of a container's veth, if that is on the node: a link of that index here need not be the one. */
function otherEnd({ route }: Node, { netns }: Container, { index, peer }: Link): Link | undefined {
  const outside = peer === undefined ? undefined : findLink(route, peer);
  if (outside?.kind !== 'veth' || outside.peer !== index || outside.peerNetns === undefined) return undefined;
  const [reply] = execute(route, getNetnsNumber(netns.fd))[0] ?? [];
  return reply !== undefined && decodeNetnsNumber(reply.payload) === outside.peerNetns ? outside : undefined;
}
