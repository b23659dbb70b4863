/** An attachment made step by step, as ADD makes it: a bridge on the node, a veth pair into the container. */

import type { Link } from '../../../src/netlink/route/link.ts';
import { ensureBridge, findBridge } from '../../../src/resources/bridge/bridge-link.ts';
import { containerMac, hostVethName } from '../../../src/resources/names.ts';
import { createVethPair, type VethPair, type VethSettings } from '../../../src/resources/port/veth.ts';
import type { Kernels } from './inside.ts';

export const ATTACHMENT = { network: 'pods', containerId: 'abc', ifName: 'eth0' } as const;

export const SETTINGS: VethSettings = {
  attachment: ATTACHMENT,
  name: hostVethName(ATTACHMENT),
  containerMac: containerMac(ATTACHMENT),
  mtu: 1400,
  port: { hairpin: false, isolated: false },
};

export function bridgeOf({ node }: Kernels): Link {
  return ensureBridge(node.route, findBridge(node.route, 'cni0'), { name: 'cni0', promiscuous: false });
}

/** The pair on the bridge, which is made if need be. */
export function plugIn(kernels: Kernels, changes: Partial<VethSettings> = {}): VethPair {
  return createVethPair(kernels.node, kernels.container, bridgeOf(kernels), { ...SETTINGS, ...changes });
}
