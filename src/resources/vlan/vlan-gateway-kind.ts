/** The gateway of a VLAN as a resource: the pair, and the hop between containers and it, whose frames are not tracked. */

import * as z from 'zod/mini';
import { object, unsigned } from '../../schema/net.ts';
import { findBridge } from '../bridge/bridge-link.ts';
import { linkNamed } from '../links.ts';
import { off } from '../off.ts';
import { findingOf, type Kind, nothingOwned } from '../resource.ts';
import { ensureHopUntracked, verifyHopUntracked } from './gateway-hop.ts';
import { verifyVlanGateway } from './verify-vlan.ts';
import { ensureVlanGateway, type VlanGateway } from './vlan-gateway.ts';

export interface VlanGatewayWanted extends VlanGateway {
  readonly bridge: string;
}

/** It stays when the last port of the VLAN is gone, as the reference's does. */
export const vlanGatewayKind: Kind<VlanGatewayWanted> = {
  name: 'vlan-gateway',
  schema: object({ bridge: z.string(), vlan: unsigned(4094), keepDefault: z.boolean() }),
  ensure(node, wanted) {
    const gateway = ensureVlanGateway(node, linkNamed(node, wanted.bridge), wanted);
    node.links.set(gateway.name, gateway);
    ensureHopUntracked(node, gateway, node.log);
  },
  verify: (node, wanted) =>
    findingOf(() => {
      const bridge = findBridge(node.route, wanted.bridge);
      if (bridge === undefined) throw off(`the bridge ${wanted.bridge} is missing`);
      verifyHopUntracked(node, verifyVlanGateway(node.route, bridge, wanted));
    }),
  survey: nothingOwned,
  able: () => undefined,
};
