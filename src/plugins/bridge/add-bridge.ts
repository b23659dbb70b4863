/** The steps of an ADD that make the bridge, its addresses, and the container's port on it. */

import type { Link } from '../../netlink/route/link.ts';
import { ensureBridge } from '../../resources/bridge/bridge.ts';
import { withdrawForwardAccept } from '../../resources/forward-accept/forward-accept.ts';
import { closeToAdvertisements } from '../../resources/forwarding/router-advertisements.ts';
import { ensureGateways } from '../../resources/gateway/gateway.ts';
import { createVethPair, type VethPair } from '../../resources/port/veth.ts';
import { ensureHopUntracked } from '../../resources/vlan/gateway-hop.ts';
import { joinVlans } from '../../resources/vlan/vlan.ts';
import { ensureVlanGateway, vlanUsers } from '../../resources/vlan/vlan-gateway.ts';
import type { AddCall } from './add-call.ts';
import { type Allocation, gatewaysOf } from './allocation.ts';
import { guardContainer } from './filters.ts';
import { macOf } from './guard.ts';
import { gatewayVlan } from './vlan-settings.ts';

export function prepareBridge({ node, settings }: AddCall, found: Link | undefined, mtu: number | undefined): Link {
  const { bridge: name, promiscuous, vlans } = settings;
  const bridge = ensureBridge(node.route, found, { name, mtu, promiscuous, vlanFiltering: vlans !== undefined });
  if (settings.isGateway) closeToAdvertisements(node.route, bridge);
  return bridge;
}

/** `ownPort` is the port that is being made, if it is there. @returns the VLAN's gateway, where the bridge cannot be it */
export function prepareGateways(
  { node, settings, log }: AddCall,
  bridge: Link,
  allocation: Allocation,
  ownPort?: Link,
): Link | undefined {
  const gateways = settings.isGateway ? gatewaysOf(allocation) : [];
  if (gateways.length === 0) return undefined;
  const vlan = gatewayVlan(settings.vlans);
  if (vlan === undefined) {
    ensureGateways(node.route, bridge, gateways, settings.forceAddress, ownPort);
    return undefined;
  }
  const gateway = ensureVlanGateway(node, bridge, vlan);
  const users = () => vlanUsers(node.route, bridge, gateway, vlan.vlan);
  ensureGateways(node.route, gateway, gateways, settings.forceAddress, ownPort, users);
  ensureHopUntracked(node, gateway, log);
  return gateway;
}

export function plugIn(call: AddCall, bridge: Link, mtu: number | undefined): VethPair {
  const { request, settings, node, container, undo, log } = call;
  const mac = macOf(request);
  if (settings.guarded) guardContainer(call, bridge, mac);
  const port = { hairpin: settings.hairpin, isolated: settings.isolated };
  const veth = { attachment: request, containerMac: mac, mtu, port };
  // Before the veth, since it does something only when that is gone.
  undo.push('take back what forwarding needed', () => withdrawForwardAccept(node, bridge.name, settings.forward, log));
  const pair = createVethPair(node, container, bridge, veth, undo);
  if (settings.vlans !== undefined) joinVlans(node.route, pair.host.index, settings.vlans.port);
  return pair;
}
