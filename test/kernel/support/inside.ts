/** Running our functions inside a scratch namespace, in this process: the thread enters it and comes back. */

import { readlinkSync } from 'node:fs';
import { silentLog } from '../../../src/log.ts';
import { type Connection, closeConnection, connect } from '../../../src/netlink/connection.ts';
import { openSocket } from '../../../src/netlink/socket.ts';
import { type Container, type Node, openNode, withContainer } from '../../../src/resources/node.ts';
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
    const here = openNode('', silentLog);
    try {
      return withContainer(here, container.path, (there) =>
        action({ node: { ...here, container: there }, container: there }),
      );
    } finally {
      here.close();
    }
  });
}

export interface Kernels {
  readonly node: Node;
  readonly container: Container;
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
