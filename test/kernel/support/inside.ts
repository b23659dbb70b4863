/** Running our functions inside a scratch namespace, in this process: the thread enters it and comes back. */

import { readlinkSync } from 'node:fs';
import { type Connection, closeConnection, connect } from '../../../src/netlink/connection.ts';
import { openSocket } from '../../../src/netlink/socket.ts';
import {
  type ContainerKernel,
  type NodeKernel,
  openContainerKernel,
  openNodeKernel,
} from '../../../src/resources/node.ts';
import { closeNetns, openNetns, openOwnNetns, withNetns } from '../../../src/sys/netns.ts';
import type { Netns } from '../../support/netns.ts';

const OWN = currentNetns();

/** Runs something inside. `action` must be synchronous. @throws Error rather than run it in the machine's own namespace */
export function inside<T>(ns: Netns, action: () => T): T {
  const own = openOwnNetns();
  const there = openNetns(ns.path);
  try {
    return withNetns(own, there, () => {
      if (currentNetns() === OWN) throw new Error(`${ns.path} was not entered`);
      return action();
    });
  } finally {
    closeNetns(there);
    closeNetns(own);
    verifyHome(ns);
  }
}

/** Runs something inside with a route socket, which is closed afterwards. */
export function withRoute<T>(ns: Netns, action: (connection: Connection) => T): T {
  return withConnection(ns, 'route', action);
}

/** Runs something inside with an nf_tables socket, which is closed afterwards. */
export function withNft<T>(ns: Netns, action: (connection: Connection) => T): T {
  return withConnection(ns, 'netfilter', action);
}

/** Runs something as the plugin does, in the node's namespace with sockets there and in the container's. */
export function withKernels<T>(node: Netns, container: Netns, action: (kernels: Kernels) => T): T {
  return inside(node, () => {
    const here = openNodeKernel();
    try {
      const there = openContainerKernel(here, container.path);
      try {
        return action({ node: here, container: there });
      } finally {
        there.close();
      }
    } finally {
      here.close();
    }
  });
}

export interface Kernels {
  readonly node: NodeKernel;
  readonly container: ContainerKernel;
}

/** The namespace that this thread is in. */
export function currentNetns(): string {
  return readlinkSync('/proc/thread-self/ns/net');
}

function verifyHome(left: Netns): void {
  if (currentNetns() !== OWN) throw new Error(`${left.path} was not left`);
}

function withConnection<T>(ns: Netns, protocol: 'route' | 'netfilter', action: (connection: Connection) => T): T {
  return inside(ns, () => {
    const connection = connect(openSocket(protocol));
    try {
      return action(connection);
    } finally {
      closeConnection(connection);
    }
  });
}
