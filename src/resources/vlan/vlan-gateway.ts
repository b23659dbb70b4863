/**
 * The gateway of a VLAN: a veth pair on the node, one end a port of the bridge in that VLAN, the other with the addresses. The bridge
 * itself cannot have them, since it is in another VLAN. As in the reference it is called `<bridge>.<vlan>`, and stays with the
 * network as the bridge does.
 */

import * as z from 'zod/mini';
import { Fault } from '../../fault.ts';
import { type Connection, execute } from '../../netlink/connection.ts';
import { isKernelError } from '../../netlink/error.ts';
import type { Link } from '../../netlink/route/link.ts';
import { createVeth, deleteLink, setLinkAlias, setLinkUp, withoutLinkLocal } from '../../netlink/route/link-change.ts';
import { addPortVlans, removePortVlan } from '../../netlink/route/vlan.ts';
import { mtu, object, unsigned } from '../../schema/net.ts';
import { EAFNOSUPPORT, EEXIST, EXFULL } from '../../sys/errno.ts';
import { findBridge, isOwnBridge, prepareOwn } from '../bridge/bridge-link.ts';
import { bridgeFull } from '../bridge/port-limit.ts';
import { withBridgeLock } from '../bridge-lock.ts';
import { findLink, findLinks, linkNamed } from '../links.ts';
import { bridgeMac, GATEWAY_ALIAS, vlanPortMac, vlanPortName } from '../names.ts';
import type { Node } from '../node.ts';
import { off } from '../off.ts';
import { findingOf, type Kind, nothingOwned } from '../resource.ts';
import { ensureHopUntracked, verifyHopUntracked } from './gateway-hop.ts';
import { findVlanMembers, joinVlans, untagged, verifyPortVlans } from './vlan.ts';

export interface VlanGateway {
  /** The VLAN's number. */
  readonly vlan: number;
  readonly keepDefault: boolean;
}

export interface VlanGatewayWanted extends VlanGateway {
  readonly bridge: string;
  /** Of both ends; the bridge's where it is absent. */
  readonly mtu?: number | undefined;
}

/**
 * On a bridge of our own it stays when the last port of the VLAN is gone, as the reference's does. On a bridge that another program
 * made, the last DEL of the VLAN removes it, so that nothing of ours is left there.
 */
export const vlanGatewayKind: Kind<VlanGatewayWanted> = {
  name: 'vlan-gateway',
  schema: object({ bridge: z.string(), vlan: unsigned(4094), keepDefault: z.boolean() }, { mtu }),
  ensure(node, wanted) {
    const gateway = ensureVlanGateway(node, linkNamed(node, wanted.bridge), wanted);
    node.links.set(gateway.name, gateway);
    ensureHopUntracked(node, gateway, node.log);
  },
  remove(node, wanted) {
    withBridgeLock(node, () => leave(node, wanted));
  },
  verify: (node, wanted) => findingOf(() => verifyHopUntracked(node, verifyVlanGateway(node.route, wanted))),
  survey: nothingOwned,
  able: () => undefined,
};

/** The VLAN that every port is born in, unless vlan_default_pvid of the bridge is another. */
const DEFAULT_VLAN = 1;

export function vlanGatewayName(bridge: string, vlan: number): string {
  return `${bridge}.${vlan}`;
}

/**
 * Makes sure of the pair: there, up, in its VLAN. Another process may make it at the same time.
 * @returns the end for the addresses. @throws Fault `conflict` when the name belongs to something else, KernelError
 */
export function ensureVlanGateway(node: Node, bridge: Link, settings: Omit<VlanGatewayWanted, 'bridge'>): Link {
  const name = vlanGatewayName(bridge.name, settings.vlan);
  const gateway = findLink(node.route, name) ?? create(node, bridge, name, settings);
  const port = gatewayPort(node.route, bridge, gateway);
  if (port === undefined) throw notAGateway(bridge, gateway);
  keepInVlan(node.route, port, settings);
  for (const link of [port, gateway]) if (!link.up) execute(node.route, setLinkUp(link.index));
  return gateway;
}

/** @throws Fault `check` unless the VLAN's gateway, which is returned, is there, up, and a way into the VLAN */
function verifyVlanGateway(connection: Connection, wanted: VlanGatewayWanted): Link {
  const bridge = findBridge(connection, wanted.bridge);
  if (bridge === undefined) throw off(`the bridge ${wanted.bridge} is missing`);
  const name = vlanGatewayName(bridge.name, wanted.vlan);
  const gateway = findLink(connection, name);
  if (gateway === undefined) throw off(`the VLAN gateway ${name} is missing`);
  if (!gateway.up) throw off(`the VLAN gateway ${name} is down, expected up`);
  const port = gatewayPort(connection, bridge, gateway);
  if (port === undefined) throw off(`the VLAN gateway ${name} does not lead to a port of ${bridge.name}`);
  if (!port.up) throw off(`the bridge port ${port.name} of the VLAN gateway ${name} is down, expected up`);
  verifyPortVlans(connection, port, { vlans: [untagged(wanted.vlan)], keepDefault: wanted.keepDefault });
  return gateway;
}

/** Only a gateway with our alias goes. */
function leave({ route }: Node, { bridge: name, vlan }: VlanGatewayWanted): void {
  const bridge = findLink(route, name);
  const gateway = bridge && findLink(route, vlanGatewayName(name, vlan));
  if (bridge === undefined || gateway?.alias !== GATEWAY_ALIAS || isOwnBridge(bridge)) return;
  if (vlanUsers(route, bridge, gateway, vlan).length === 0) execute(route, deleteLink(gateway.index));
}

/** The other end of the pair, if it is a port of the bridge. */
function gatewayPort(connection: Connection, bridge: Link, gateway: Link): Link | undefined {
  const { kind, peer, peerNetns } = gateway;
  const port =
    kind === 'veth' && peer !== undefined && peerNetns === undefined ? findLink(connection, peer) : undefined;
  return port?.master === bridge.index ? port : undefined;
}

/** The ports that a VLAN's gateway is there for. */
export function vlanUsers(connection: Connection, bridge: Link, gateway: Link, vlan: number): Link[] {
  const members = new Set(findVlanMembers(connection, vlan));
  return findLinks(connection, bridge.index).filter(({ index }) => index !== gateway.peer && members.has(index));
}

function create(node: Node, bridge: Link, name: string, settings: Omit<VlanGatewayWanted, 'bridge'>): Link {
  // A bridge falls back to the kernel's default when its last port goes, so its MTU is the second choice.
  const { vlan, keepDefault, mtu = bridge.mtu } = settings;
  const port = { name: vlanPortName(name), mac: vlanPortMac(name), mtu, bridge: bridge.index };
  const container = { name, mac: bridgeMac(name), mtu, netnsFd: node.netns.fd };
  try {
    execute(node.route, createVeth({ host: port, container }));
  } catch (error) {
    if (isKernelError(error, EXFULL)) throw bridgeFull(bridge, error);
    if (!isKernelError(error, EEXIST)) throw error;
  }
  // As on a bridge: nothing of what containers advertise, and no wait for duplicates.
  prepareOwn(name, node.log);
  const made = findLink(node.route, port.name);
  const gateway = findLink(node.route, name);
  if (made === undefined || gateway === undefined) throw takenOrGone(node.route, port.name, name);
  dropLinkLocal(node.route, port.name);
  if (gateway.peer === made.index) {
    execute(node.route, setLinkAlias(made.index, GATEWAY_ALIAS), setLinkAlias(gateway.index, GATEWAY_ALIAS));
  }
  joinVlans(node.route, made.index, { vlans: [untagged(vlan)], keepDefault });
  return gateway;
}

/** Also repairs a port whose maker was killed before this step, and one that was changed since. */
function keepInVlan(connection: Connection, port: Link, { vlan, keepDefault }: VlanGateway): void {
  const leave = keepDefault || vlan === DEFAULT_VLAN ? [] : [removePortVlan(port.index, DEFAULT_VLAN)];
  execute(connection, ...leave, addPortVlans(port.index, [untagged(vlan)]));
}

function dropLinkLocal(connection: Connection, name: string): void {
  try {
    execute(connection, withoutLinkLocal(name));
  } catch (error) {
    if (!isKernelError(error, EAFNOSUPPORT)) throw error; // a kernel without IPv6
  }
}

function notAGateway(bridge: Link, { name, kind }: Link): Fault {
  const what = kind === 'veth' ? 'a veth that does not lead there' : `a ${kind ?? 'device'}`;
  return new Fault('conflict', `cannot use ${name} as a gateway on ${bridge.name}: ${name} exists and is ${what}`, {
    details: `Rename or remove ${name}, or set "bridge" or "vlan" to something else.`,
  });
}

function takenOrGone(connection: Connection, port: string, name: string): Fault {
  const taken = findLink(connection, port);
  const reason = taken === undefined ? 'it was removed as soon as it was made' : `${port} exists already`;
  return new Fault(taken === undefined ? 'busy' : 'conflict', `cannot create the VLAN gateway ${name}: ${reason}`, {
    details:
      taken === undefined ? 'Try again.' : `Remove ${port}: it is what is left of a gateway that was taken apart.`,
  });
}
