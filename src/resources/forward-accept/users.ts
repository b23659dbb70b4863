/** The users of an accept: the ports of a bridge, or the ports in a VLAN whose gateway forwards. */

import type { Connection } from '../../netlink/connection.ts';
import { filtersByVlan } from '../../netlink/route/bridge.ts';
import type { Link } from '../../netlink/route/link.ts';
import { findLink, findLinks } from '../links.ts';
import { aliasOwner } from '../names.ts';
import { vlanGatewayName } from '../vlan/gateway-pair.ts';
import { vlanUsers } from '../vlan/vlan.ts';

/**
 * Whether a port uses what the link, a bridge or the gateway of a VLAN, forwards; false where there is no such link.
 * @throws KernelError
 */
export function isUsed(route: Connection, name: string): boolean {
  const link = findLink(route, name);
  if (link === undefined) return false;
  return link.kind === 'bridge' ? hasPort(route, link) : isUsedGateway(route, link);
}

/** Whether a port of the bridge is the host veth of an attachment. @throws KernelError */
export function isAttachedTo(route: Connection, name: string): boolean {
  const bridge = findLink(route, name);
  const ports = bridge === undefined ? [] : findLinks(route, bridge.index);
  return ports.some(({ alias }) => aliasOwner(alias) !== undefined);
}

/**
 * Whether the bridge has a port other than that of a VLAN gateway. A carrier proves that at once, whatever the number of
 * ports, except where VLAN gateways, whose ports always have a carrier, may be on the bridge.
 */
function hasPort(route: Connection, bridge: Link): boolean {
  if (bridge.carrier && !filtersByVlan(bridge)) return true;
  return findLinks(route, bridge.index).some((port) => !isGatewayPort(route, bridge, port));
}

function isGatewayPort(route: Connection, bridge: Link, { kind, peer, peerNetns }: Link): boolean {
  if (kind !== 'veth' || peer === undefined || peerNetns !== undefined) return false;
  return vlanOf(bridge.name, findLink(route, peer)?.name ?? '') !== undefined;
}

function isUsedGateway(route: Connection, gateway: Link): boolean {
  const bridge = findLink(route, gateway.name.replace(/\.\d+$/, ''));
  const vlan = bridge && vlanOf(bridge.name, gateway.name);
  return bridge !== undefined && vlan !== undefined && vlanUsers(route, bridge, gateway, vlan).length > 0;
}

function vlanOf(bridge: string, gateway: string): number | undefined {
  const vlan = Number(/\.(\d+)$/.exec(gateway)?.[1]);
  return vlanGatewayName(bridge, vlan) === gateway ? vlan : undefined;
}
