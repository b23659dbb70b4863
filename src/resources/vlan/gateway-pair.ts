/**
 * The veth pair of a VLAN's gateway. One end, `<bridge>.<vlan>` as in the reference, has the addresses; the other is a port of
 * the bridge in that VLAN. The bridge itself cannot have the addresses, since it is in its default VLAN.
 */

import { formatMac } from '../../address/mac.ts';
import { Fault } from '../../fault.ts';
import { type Connection, execute } from '../../netlink/connection.ts';
import { isKernelError, unlessRefused } from '../../netlink/error.ts';
import type { Link } from '../../netlink/route/link.ts';
import {
  createVeth,
  setLinkAlias,
  setLinkMaster,
  setLinkMtu,
  setLinkUp,
  withoutLinkLocal,
} from '../../netlink/route/link-change.ts';
import { addPortVlans, removePortVlan } from '../../netlink/route/vlan.ts';
import { EAFNOSUPPORT, EEXIST, EXFULL } from '../../sys/errno.ts';
import { bridgeFull } from '../bridge/bridge.ts';
import { isOwnBridge, prepareOwn } from '../bridge/bridge-link.ts';
import { allowsIpv6, DEFAULT_MTU, verifyKeepsIpv6 } from '../bridge/mtu.ts';
import { findLink } from '../links.ts';
import { bridgeMac, GATEWAY_ALIAS, vlanPortMac, vlanPortName } from '../names.ts';
import type { Node } from '../node.ts';
import { off } from '../resource.ts';
import { joinVlans, untagged, vlanUsers } from './vlan.ts';

/** The VLAN that a port is in when it joins a bridge, unless the bridge's vlan_default_pvid is another one. */
const DEFAULT_VLAN = 1;

export interface VlanGateway {
  /** The VLAN's number. */
  readonly vlan: number;
  readonly keepDefault: boolean;
}

export interface PairSettings extends VlanGateway {
  /** The MTU of both ends, which is that of the containers' ports. Absent: the kernel's default. */
  readonly mtu?: number | undefined;
}

/** The name of the end that has the addresses. */
export function vlanGatewayName(bridge: string, vlan: number): string {
  return `${bridge}.${vlan}`;
}

/**
 * Makes the pair, or mends the one that exists: both ends up, with the MTU, and the port on the bridge and in the VLAN.
 * Another process may make it at the same time. @returns the end for the addresses. @throws Fault `conflict` when the name
 * belongs to something else, KernelError
 */
export function ensureGatewayPair(node: Node, bridge: Link, settings: PairSettings): Link {
  const { route } = node;
  const name = vlanGatewayName(bridge.name, settings.vlan);
  const gateway = findLink(route, name) ?? create(node, bridge, name, settings);
  const port = otherEnd(route, gateway);
  if (port?.master === bridge.index) keepInVlan(route, port, settings);
  else if (isStranded(gateway, port)) putBack(route, bridge, port, settings);
  else throw notAGateway(bridge, gateway);
  for (const link of [port, gateway]) if (!link.up) execute(route, setLinkUp(link.index));
  if (!ensurePairMtu(route, bridge, gateway, port, settings)) return gateway;
  // When the MTU becomes large enough for IPv6, the kernel resets the interface's IPv6 parameters.
  if (!allowsIpv6(gateway) && isOwnBridge(gateway)) prepareOwn(name, node.log);
  return findLink(route, gateway.index) ?? gateway;
}

/** The other end of a veth pair in the node's network namespace. */
export function otherEnd(connection: Connection, { kind, peer, peerNetns }: Link): Link | undefined {
  return kind === 'veth' && peer !== undefined && peerNetns === undefined ? findLink(connection, peer) : undefined;
}

/** Whether the pair is ours, and its port is on no bridge, as after the bridge was deleted. */
export function isStranded(gateway: Link, port: Link | undefined): port is Link {
  if (port === undefined || port.master !== undefined) return false;
  if (port.name !== vlanPortName(gateway.name) || !isOwnBridge(gateway)) return false;
  return port.alias === GATEWAY_ALIAS || formatMac(port.mac) === formatMac(vlanPortMac(gateway.name));
}

/** @throws Fault `check` where an end has a smaller MTU than the containers. A larger one may be for other containers. */
export function verifyPairMtu(gateway: Link, port: Link, { mtu }: Pick<PairSettings, 'mtu'>): void {
  const tooSmall = mtu === undefined ? undefined : [gateway, port].find((end) => end.mtu < mtu);
  if (tooSmall !== undefined) throw off(`the MTU of ${tooSmall.name} is ${tooSmall.mtu}, expected at least ${mtu}`);
}

/** Makes the pair, or finds the one that another process has just made. @throws Fault `conflict`, `busy`, KernelError */
function create(node: Node, bridge: Link, name: string, settings: PairSettings): Link {
  const { vlan, keepDefault, mtu } = settings;
  const port = { name: vlanPortName(name), mac: vlanPortMac(name), mtu, bridge: bridge.index };
  const container = { name, mac: bridgeMac(name), mtu, netnsFd: node.netns.fd };
  try {
    execute(node.route, createVeth({ host: port, container }));
  } catch (error) {
    if (isKernelError(error, EXFULL)) throw bridgeFull(bridge, error);
    if (!isKernelError(error, EEXIST)) throw error;
  }
  // Like a bridge, it ignores router advertisements of containers, and skips duplicate address detection.
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

/**
 * Gives both ends the MTU. A larger one stays while another port of the VLAN has a larger one: with TCP, the smaller side
 * announces its segment size, but the larger side gets no error for what a smaller gateway drops.
 * @returns whether anything was changed. @throws Fault `conflict` where the gateway would lose IPv6 addresses, KernelError
 */
function ensurePairMtu(
  connection: Connection,
  bridge: Link,
  gateway: Link,
  port: Link,
  { vlan, mtu = DEFAULT_MTU }: PairSettings,
): boolean {
  const ends = [port, gateway];
  const isLarger = (link: Link) => link.mtu > mtu;
  const mayBeLarger = ends.some(isLarger) && vlanUsers(connection, bridge, gateway, vlan).some(isLarger);
  const wrong = ends.filter((end) => (mayBeLarger ? end.mtu < mtu : end.mtu !== mtu));
  if (wrong.some(isLarger)) verifyKeepsIpv6(connection, gateway, mtu);
  for (const { index } of wrong) execute(connection, setLinkMtu(index, mtu));
  return wrong.length > 0;
}

/** Puts the port into its VLAN, also one that a killed process left unfinished, or that was changed since. */
function keepInVlan(connection: Connection, port: Link, { vlan, keepDefault }: VlanGateway): void {
  const leave = keepDefault || vlan === DEFAULT_VLAN ? [] : [removePortVlan(port.index, DEFAULT_VLAN)];
  execute(connection, ...leave, addPortVlans(port.index, [untagged(vlan)]));
}

/**
 * Makes the stranded port one of the bridge again; the other end keeps its addresses. The bridge puts a new port into its
 * default VLAN.
 */
function putBack(connection: Connection, bridge: Link, port: Link, { vlan, keepDefault }: VlanGateway): void {
  try {
    execute(connection, setLinkMaster(port.index, bridge.index));
  } catch (error) {
    throw isKernelError(error, EXFULL) ? bridgeFull(bridge, error) : error;
  }
  joinVlans(connection, port.index, { vlans: [untagged(vlan)], keepDefault });
}

function dropLinkLocal(connection: Connection, name: string): void {
  unlessRefused([EAFNOSUPPORT], () => execute(connection, withoutLinkLocal(name))); // a kernel without IPv6
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
    details: taken === undefined ? 'Try again.' : `Remove ${port}: another gateway left it behind.`,
  });
}
