/** Interfaces that another plugin made, as the reference did before this one took its place. */

import { Fault } from '../../fault.ts';
import type { Attachment } from '../../ipam/index.ts';
import { sameNetns } from '../../sys/netns.ts';
import { findLink } from '../links.ts';
import { aliasOwner } from '../names.ts';
import { type ContainerKernel, type NodeKernel, openContainerKernel } from '../node.ts';
import { removeHostVeth } from './veth.ts';

/**
 * Removes the container's interface if it is a veth whose other end is a port of our bridge and not labelled as another
 * attachment's; anything else is none of our business. A netns that is not there any more took its interfaces with it.
 * @throws KernelError
 */
export function removeForeignInterface(
  node: NodeKernel,
  attachment: Attachment & { netns: string },
  bridge: string,
): void {
  const container = enter(node, attachment.netns);
  if (container === undefined) return;
  try {
    const inside = findLink(container.route, attachment.ifName);
    const bridgeIndex = findLink(node.route, bridge)?.index;
    if (inside?.kind !== 'veth' || inside.peer === undefined || bridgeIndex === undefined) return;
    const outside = findLink(node.route, inside.peer);
    const isLabelled = aliasOwner(outside?.alias) !== undefined;
    if (outside?.kind === 'veth' && outside.master === bridgeIndex && !isLabelled) {
      removeHostVeth(node.route, outside.name);
    }
  } finally {
    container.close();
  }
}

function enter(node: NodeKernel, path: string): ContainerKernel | undefined {
  try {
    const container = openContainerKernel(node, path);
    if (!sameNetns(node.netns, container.netns)) return container;
    container.close();
    return undefined;
  } catch (error) {
    if (error instanceof Fault && error.kind === 'environment') return undefined;
    throw error;
  }
}
