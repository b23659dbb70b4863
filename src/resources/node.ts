/** The ways into the kernel that one call uses: sockets in the node's netns, and in the container's. */

import { type Connection, closeConnection, connect } from '../netlink/connection.ts';
import { openSocket } from '../netlink/socket.ts';
import { closeNetns, type Netns, openNetns, openOwnNetns, withNetns } from '../sys/netns.ts';

export interface NodeKernel {
  /** PATH as the runtime gave it, for the programs of iptables. */
  readonly searchPath: string;
  readonly netns: Netns;
  readonly route: Connection;
  /** The nf_tables socket, opened when it is first wanted. */
  nft(): Connection;
  close(): void;
}

export interface ContainerKernel {
  readonly netns: Netns;
  readonly route: Connection;
  /** Runs something in the container's netns, for what has no socket (sysctls). */
  within<T>(action: () => T): T;
  close(): void;
}

export function openNodeKernel(searchPath = ''): NodeKernel {
  const netns = openOwnNetns();
  const route = connect(openSocket('route'));
  let nft: Connection | undefined;
  return {
    searchPath,
    netns,
    route,
    nft: () => {
      nft ??= connect(openSocket('netfilter'));
      return nft;
    },
    close: () => {
      closeConnection(route);
      if (nft !== undefined) closeConnection(nft);
      closeNetns(netns);
    },
  };
}

/** The socket is opened inside and stays bound there. @throws Fault when `path` leads to no network namespace */
export function openContainerKernel(node: NodeKernel, path: string): ContainerKernel {
  const netns = openNetns(path);
  try {
    const route = connect(withNetns(node.netns, netns, () => openSocket('route')));
    return {
      netns,
      route,
      within: (action) => withNetns(node.netns, netns, action),
      close: () => {
        closeConnection(route);
        closeNetns(netns);
      },
    };
  } catch (error) {
    closeNetns(netns);
    throw error;
  }
}
