/**
 * Finds attachments without a record on the node itself: interfaces that another plugin made, as the reference plugin did
 * before this one took its place; and our own, after a data directory was emptied while containers run.
 */

import { type Cidr, isLinkLocal } from '../../address/cidr.ts';
import { hasErrno } from '../../attempt.ts';
import { Fault } from '../../fault.ts';
import type { Attachment, Survivor } from '../../ipam/index.ts';
import { execute } from '../../netlink/connection.ts';
import { decodeAddress, listPeerAddresses } from '../../netlink/route/address.ts';
import type { Link } from '../../netlink/route/link.ts';
import { decodeNetnsNumber, getNetnsNumber } from '../../netlink/route/netns.ts';
import { EINVAL, EOPNOTSUPP } from '../../sys/errno.ts';
import { sameNetns } from '../../sys/netns.ts';
import { findLink, findLinks } from '../links.ts';
import { aliasOwner, isOwnedBy, ownerText } from '../names.ts';
import { type Container, type Node, withContainer } from '../node.ts';
import { hasDyingPeer, removeHostVeth } from './veth.ts';

/**
 * Removes the container's interface if it is a veth whose other end is a port of our bridge, without the label of another
 * attachment; any other interface is left alone. If the netns is gone, its interfaces went with it.
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

/** The living attachments of a network and data directory, found by their host veths. @throws KernelError */
export function survivorsOf(node: Node, network: string, dataDir: string): Survivor[] {
  return findLinks(node.route).flatMap((link) => {
    const owner = aliasOwner(link.alias);
    if (owner === undefined || !isOwnedBy(network, owner, dataDir) || hasDyingPeer(node.route, link)) return [];
    const [, containerId = '', ifName = ''] = owner.split('/');
    const key = { network, containerId, ifName, dataDir };
    if (ownerText(key) !== owner) {
      node.log(
        'warn',
        `${link.name} belongs to ${owner}, whose container ID is not known: its addresses stay unprotected`,
      );
      return [];
    }
    return [{ network, containerId, ifName, hostVeth: link.name, addresses: peerAddresses(node, link) }];
  });
}

function removeForeignVeth(node: Node, container: Container, ifName: string, bridge: string): void {
  const inside = findLink(container.route, ifName);
  const outside = inside?.kind === 'veth' ? otherEnd(node, container, inside) : undefined;
  if (outside?.master === undefined || outside.master !== findLink(node.route, bridge)?.index) return;
  if (aliasOwner(outside.alias) === undefined) removeHostVeth(node.route, outside.name);
}

/** The other end of a container's veth, if that is on the node. A link of that index on the node need not be the other end. */
function otherEnd({ route }: Node, { netns }: Container, { index, peer }: Link): Link | undefined {
  const outside = peer === undefined ? undefined : findLink(route, peer);
  if (outside?.kind !== 'veth' || outside.peer !== index || outside.peerNetns === undefined) return undefined;
  const [reply] = execute(route, getNetnsNumber(netns.fd))[0] ?? [];
  return reply !== undefined && decodeNetnsNumber(reply.payload) === outside.peerNetns ? outside : undefined;
}

/**
 * The addresses of the other end that IPAM may have given, without IPv6 link-local ones. A kernel before 4.20 tells none.
 * @throws KernelError
 */
function peerAddresses({ route }: Node, { peer, peerNetns }: Link): Cidr[] {
  if (peer === undefined || peerNetns === undefined) return [];
  try {
    const replies = execute(
      route,
      ...([4, 6] as const).map((family) => listPeerAddresses(peer, family, peerNetns)),
    ).flat();
    const found = replies.map(({ payload }) => decodeAddress(payload)).filter(({ index }) => index === peer);
    return found.map(({ address }) => address).filter(({ ip }) => ip.family === 4 || !isLinkLocal(ip));
  } catch (error) {
    if (hasErrno(error, [EINVAL, EOPNOTSUPP])) return [];
    throw error;
  }
}
