/** A node whose bridge filters by VLAN, and the gateway of VLAN 100 on it. */

import { silentLog } from '../../../src/log.ts';
import type { Link as BridgeLink } from '../../../src/netlink/route/link.ts';
import { ensureBridge, findBridge } from '../../../src/resources/bridge/bridge-link.ts';
import { type Node, openNode } from '../../../src/resources/node.ts';
import { findPortVlans, formatVlans } from '../../../src/resources/vlan/vlan.ts';
import { type Link, link } from '../../support/kernel.ts';
import { createNetns, type Netns } from '../../support/netns.ts';
import { inside } from './inside.ts';

export const RED = { vlan: 100, keepDefault: false };

/** As ADD makes it. */
export function filteringBridge({ route }: Node): BridgeLink {
  const settings = { name: 'cni0', mtu: 1400, promiscuous: false, vlanFiltering: true };
  return ensureBridge(route, findBridge(route, 'cni0'), settings);
}

/** Runs something in the network namespace of a new node. */
export function onNode<T>(action: (kernel: Node, node: Netns) => T): T {
  using node = createNetns();
  return inside(node, () => {
    const kernel = openNode('', silentLog);
    try {
      return action(kernel, node);
    } finally {
      kernel.close();
    }
  });
}

/** The VLANs of a port, as `formatVlans` writes them. */
export function vlansOf({ route }: Node, port: Link | undefined): string {
  return formatVlans(findPortVlans(route, port?.ifindex as number));
}

/** The end of the gateway that is a port. */
export function portOf(node: Netns, gateway = 'cni0.100'): Link | undefined {
  return link(node, String(link(node, gateway)?.link));
}
