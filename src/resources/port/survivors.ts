/**
 * Attachments as the node alone tells of them, for a data directory that was emptied while containers run: a host veth names its
 * owner, and the kernel tells the addresses at its other end.
 */

import type { Cidr } from '../../address/cidr.ts';
import { hasErrno } from '../../attempt.ts';
import type { Survivor } from '../../ipam/index.ts';
import { execute } from '../../netlink/connection.ts';
import { decodeAddress, listPeerAddresses } from '../../netlink/route/address.ts';
import type { Link } from '../../netlink/route/link.ts';
import { EINVAL, EOPNOTSUPP } from '../../sys/errno.ts';
import { findLinks } from '../links.ts';
import { aliasOwner, isOwnedBy, ownerText } from '../names.ts';
import type { Node } from '../node.ts';
import { hasDyingPeer } from './peer-netns.ts';

/** The living attachments of a network and data directory, by their host veths. @throws KernelError */
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

/** The addresses of the other end that IPAM may have given: not the link-local ones. None from a kernel before 4.20. */
function peerAddresses({ route }: Node, { peer, peerNetns }: Link): Cidr[] {
  if (peer === undefined || peerNetns === undefined) return [];
  try {
    const replies = execute(
      route,
      ...([4, 6] as const).map((family) => listPeerAddresses(peer, family, peerNetns)),
    ).flat();
    const found = replies.map(({ payload }) => decodeAddress(payload)).filter(({ index }) => index === peer);
    return found.map(({ address }) => address).filter(({ ip }) => ip.family === 4 || ip.value >> 118n !== LINK_LOCAL);
  } catch (error) {
    if (hasErrno(error, [EINVAL, EOPNOTSUPP])) return [];
    throw error;
  }
}

/** The first ten bits of fe80::/10. */
const LINK_LOCAL = 0b1111111010n;
