/** Interfaces that another plugin made, as the reference did before this one took its place. */

import { Fault } from '../../fault.ts';
import type { Attachment } from '../../ipam/index.ts';
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
  const bridgeIndex = findLink(node.route, bridge)?.index;
  if (inside?.kind !== 'veth' || inside.peer === undefined || bridgeIndex === undefined) return;
  const outside = findLink(node.route, inside.peer);
  const isLabelled = aliasOwner(outside?.alias) !== undefined;
  if (outside?.kind === 'veth' && outside.master === bridgeIndex && !isLabelled)
    removeHostVeth(node.route, outside.name);
}
