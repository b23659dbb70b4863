/** The gateway of a VLAN as a resource: its veth pair, and the hop between the pair and the containers. */

import * as z from 'zod/mini';
import type { Fault } from '../../fault.ts';
import { type Connection, execute } from '../../netlink/connection.ts';
import type { Link } from '../../netlink/route/link.ts';
import { deleteLink } from '../../netlink/route/link-change.ts';
import { mtu, object, unsigned } from '../../schema/net.ts';
import { findBridge, isOwnBridge } from '../bridge/bridge-link.ts';
import { withBridgeLock } from '../bridge-lock.ts';
import { findLink, linkNamed } from '../links.ts';
import { GATEWAY_ALIAS } from '../names.ts';
import type { Node } from '../node.ts';
import { findingOf, type Kind, nothingOwned, off } from '../resource.ts';
import { ensureHopUntracked, mendHopUntracked, removeHopUntracked, verifyHopUntracked } from './gateway-hop.ts';
import {
  ensureGatewayPair,
  isStranded,
  otherEnd,
  type PairSettings,
  verifyPairMtu,
  vlanGatewayName,
} from './gateway-pair.ts';
import { untagged, verifyPortVlans, vlanUsers } from './vlan.ts';

interface VlanGatewayWanted extends PairSettings {
  readonly bridge: string;
}

/**
 * On a bridge of our own the gateway stays when the last port of the VLAN is gone, as the reference's does. On a bridge that
 * another program made, the last DEL of the VLAN removes it, so that nothing of ours is left on the bridge.
 */
export const vlanGatewayKind: Kind<VlanGatewayWanted> = {
  name: 'vlan-gateway',
  schema: object({ bridge: z.string(), vlan: unsigned(4094), keepDefault: z.boolean() }, { mtu }),
  ensure(node, wanted) {
    const gateway = ensureGatewayPair(node, linkNamed(node, wanted.bridge), wanted);
    node.links.set(gateway.name, gateway);
    ensureHopUntracked(node, gateway, node.log);
  },
  remove(node, wanted) {
    withBridgeLock(node, () => removeUnneeded(node, wanted));
  },
  verify: (node, wanted) => findingOf(() => verifyHopUntracked(node, verifyVlanGateway(node.route, wanted))),
  survey: nothingOwned,
  mend(node, { bridge, vlan }) {
    const gateway = findLink(node.route, vlanGatewayName(bridge, vlan));
    if (gateway !== undefined) mendHopUntracked(node, gateway);
  },
  able: () => undefined,
};

/** @returns the VLAN's gateway. @throws Fault `check` unless it is there, up, and leads into the VLAN */
function verifyVlanGateway(connection: Connection, wanted: VlanGatewayWanted): Link {
  const bridge = findBridge(connection, wanted.bridge);
  if (bridge === undefined) throw off(`the bridge ${wanted.bridge} is missing`);
  const name = vlanGatewayName(bridge.name, wanted.vlan);
  const gateway = findLink(connection, name);
  if (gateway === undefined) throw off(`the VLAN gateway ${name} is missing`);
  if (!gateway.up) throw off(`the VLAN gateway ${name} is down, expected up`);
  const port = otherEnd(connection, gateway);
  if (port?.master !== bridge.index) throw leadsElsewhere(bridge, gateway, isStranded(gateway, port));
  if (!port.up) throw off(`the bridge port ${port.name} of the VLAN gateway ${name} is down, expected up`);
  verifyPortVlans(connection, port, { vlans: [untagged(wanted.vlan)], keepDefault: wanted.keepDefault });
  verifyPairMtu(gateway, port, wanted);
  return gateway;
}

function leadsElsewhere(bridge: Link, { name }: Link, isMendable: boolean): Fault {
  const advice = isMendable ? [] : [`Rename or remove ${name}: then the next ADD makes the gateway.`];
  return off(`the VLAN gateway ${name} does not lead to a port of ${bridge.name}`, ...advice);
}

/**
 * Removes a gateway with our alias that no port needs. Its MAC is removed from the set first, so that a DEL that fails in
 * between can be repeated.
 */
function removeUnneeded(node: Node, { bridge: name, vlan }: VlanGatewayWanted): void {
  const { route } = node;
  const gateway = findLink(route, vlanGatewayName(name, vlan));
  if (gateway?.alias !== GATEWAY_ALIAS || isNeeded(route, findLink(route, name), gateway, vlan)) return;
  removeHopUntracked(node, gateway);
  execute(route, deleteLink(gateway.index));
}

/**
 * Whether the gateway must stay. Without its bridge, it is needed only if its port is on another bridge. On a bridge of our
 * own it stays.
 */
function isNeeded(connection: Connection, bridge: Link | undefined, gateway: Link, vlan: number): boolean {
  if (bridge === undefined) return otherEnd(connection, gateway)?.master !== undefined;
  return isOwnBridge(bridge) || vlanUsers(connection, bridge, gateway, vlan).length > 0;
}
