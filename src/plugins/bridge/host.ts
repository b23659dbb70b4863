/** The host that IPAM judges by, with what src/ipam cannot see: host veths, and what attachments have on the node. */

import { type Host, type HostVeth, type Owner, readHost } from '../../ipam/index.ts';
import type { Log } from '../../log.ts';
import type { Link } from '../../netlink/route/link.ts';
import { detach } from '../../resources/attachment.ts';
import { findLink } from '../../resources/links.ts';
import { type Node, openNode } from '../../resources/node.ts';
import { survivorsOf } from '../../resources/port/unrecorded.ts';
import { hasDyingPeer } from '../../resources/port/veth.ts';

/** The host of a call of the main plugin. `linkNamed` looks up host veths: by default one at a time. */
export function mainHost(
  node: Node,
  dataDir: string,
  linkNamed: (name: string) => Link | undefined = (name) => findLink(node.route, name),
): Host {
  return {
    ...readHost(node.log, { hostVeth: (name) => stateOf(node, linkNamed(name)) }),
    detach: (attachment, record) => detach(node, attachment, record, dataDir),
    survivors: (network) => survivorsOf(node, network, dataDir),
  };
}

/** The host of an ADD, which judges a record of the same attachment more strictly. */
export function addHost(node: Node, owner: Owner, dataDir: string): Host {
  const host = mainHost(node, dataDir);
  return { ...host, judge: (record) => host.judge(record, owner) };
}

/**
 * The host of the IPAM plugin, which opens sockets only where it meets an attachment that the main plugin made on the same
 * network.
 */
export function withIpamHost<T>(searchPath: string, dataDir: string, log: Log, act: (host: Host) => T): T {
  let node: Node | undefined;
  const open = () => {
    node ??= openNode(searchPath, log);
    return node;
  };
  try {
    return act({
      ...readHost(log, { hostVeth: (name) => stateOf(open(), findLink(open().route, name)) }),
      detach: (attachment, record) => {
        if (record?.hostVeth !== undefined) detach(open(), attachment, record, dataDir);
      },
    });
  } finally {
    node?.close();
  }
}

function stateOf({ route }: Node, link: Link | undefined): HostVeth {
  if (link === undefined) return 'absent';
  return hasDyingPeer(route, link) ? 'peer dying' : 'there';
}
