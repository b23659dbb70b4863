/** The bridge that containers are ports of. */

import * as z from 'zod/mini';
import type { Connection } from '../../netlink/connection.ts';
import { mtu, object } from '../../schema/net.ts';
import { off } from '../off.ts';
import { findingOf, type Kind, nothingOwned } from '../resource.ts';
import { filtersByVlan, verifyVlanFilterable } from '../vlan/vlan.ts';
import { type BridgeSettings, ensureBridge, findBridge } from './bridge-link.ts';
import { portShortage } from './port-limit.ts';
import { closeGatewayToAdvertisements, verifyAdvertisementsRefused } from './router-advertisements.ts';

export interface BridgeWanted extends BridgeSettings {
  /** The node is a gateway on it, so no port may configure the node by router advertisements. */
  readonly isGateway: boolean;
}

/** The bridge of an attachment. It stays when the last port is gone, as the reference's does. */
export const bridgeKind: Kind<BridgeWanted> = {
  name: 'bridge',
  schema: object(
    { name: z.string(), promiscuous: z.boolean(), isGateway: z.boolean() },
    { mtu, vlanFiltering: z.boolean() },
  ),
  ensure({ route, links, log }, wanted) {
    const bridge = ensureBridge(route, links.get(wanted.name) ?? findBridge(route, wanted.name), wanted, log);
    links.set(wanted.name, bridge);
    if (wanted.isGateway) closeGatewayToAdvertisements(route, bridge, log);
  },
  verify: ({ route }, wanted) => findingOf(() => verifyBridge(route, wanted)),
  survey: nothingOwned,
  able({ route }, { name, vlanFiltering }) {
    const bridge = findBridge(route, name);
    if (vlanFiltering) verifyVlanFilterable(route);
    return bridge && portShortage(route, bridge);
  },
};

/** @throws Fault `check` unless the bridge is there, up, as promiscuous as asked for, and filters by VLAN where it should */
function verifyBridge(connection: Connection, { name, promiscuous, vlanFiltering }: BridgeWanted): void {
  const bridge = findBridge(connection, name);
  if (bridge === undefined) throw off(`the bridge ${name} is missing`);
  if (!bridge.up) throw off(`the bridge ${name} is down, expected up`);
  if (promiscuous && !bridge.promiscuous) throw off(`promiscuous mode of the bridge ${name} is off, expected on`);
  verifyAdvertisementsRefused(bridge);
  if (vlanFiltering && !filtersByVlan(connection, bridge)) {
    throw off(`VLAN filtering of the bridge ${name} is off, expected on`);
  }
}
