/** The port of an attachment: a veth pair, one end a port of the bridge, the other in the container. */

import * as z from 'zod/mini';
import { formatMac } from '../../address/mac.ts';
import { sameBytes } from '../../netlink/bytes.ts';
import { type Connection, execute } from '../../netlink/connection.ts';
import { isKernelError } from '../../netlink/error.ts';
import type { Link } from '../../netlink/route/link.ts';
import { setBridgePort, setLinkMac, setLinkMaster, setLinkMtu, setLinkUp } from '../../netlink/route/link-change.ts';
import { list, mac, mtu, object, unsigned } from '../../schema/net.ts';
import { EXFULL } from '../../sys/errno.ts';
import { bridgeFull } from '../bridge/bridge.ts';
import { findLink, findLinks, knownLink, linkNamed } from '../links.ts';
import { type AttachmentKey, aliasOwner, containerMac, isInScope, isSameOwner, ownerText } from '../names.ts';
import { containerOf, type Node, takeBack } from '../node.ts';
import { findingOf, type Kind, type Owned, off, type Scope } from '../resource.ts';
import { joinVlans, type VlanMembership, verifyPortVlans } from '../vlan/vlan.ts';
import { createVethPair, removeHostVeth } from './veth.ts';

export interface PortWanted extends AttachmentKey {
  /** The name of the host veth. */
  readonly name: string;
  /** The pod, `shop/web-0`, which the alias of the host veth names; absent where the runtime named none. */
  readonly pod?: string | undefined;
  readonly bridge: string;
  /** The MAC of the container's interface. Absent: it follows from the attachment, and CHECK accepts any. */
  readonly mac?: Uint8Array | undefined;
  /** The MTU of both ends. Absent: the kernel's default. */
  readonly mtu?: number | undefined;
  readonly hairpin: boolean;
  readonly isolated: boolean;
  /** The container's interface stays down. */
  readonly keepDown: boolean;
  /** Absent: the bridge's default VLAN. */
  readonly vlans?: VlanMembership | undefined;
}

const text = z.string();
const flag = z.boolean();
const vlanRange = object({ first: unsigned(4094), last: unsigned(4094), pvid: flag, untagged: flag });

interface ExpectedPort {
  readonly name: string;
  readonly hairpin: boolean;
  readonly isolated: boolean;
  readonly mtu: number | undefined;
}

interface ExpectedInterface {
  readonly name: string;
  readonly up: boolean;
  readonly mac: string | undefined;
}

export const portKind: Kind<PortWanted> = {
  name: 'port',
  schema: object(
    {
      ...{ network: text, containerId: text, ifName: text },
      ...{ name: text, bridge: text, hairpin: flag, isolated: flag, keepDown: flag },
    },
    { mac, mtu, vlans: object({ vlans: list(vlanRange), keepDefault: flag }), dataDir: text, pod: text },
  ),
  ensure(node, wanted) {
    const container = containerOf(node);
    const { name, ifName, hairpin, isolated, vlans } = wanted;
    const pair = createVethPair(node, container, linkNamed(node, wanted.bridge), {
      attachment: wanted,
      name,
      containerMac: wanted.mac ?? containerMac(wanted),
      mtu: wanted.mtu,
      port: { hairpin, isolated },
    });
    node.links.set(name, pair.host);
    container.links.set(ifName, pair.container);
    if (vlans === undefined) return;
    try {
      joinVlans(node.route, pair.host.index, vlans);
    } catch (error) {
      takeBack(node, `remove ${name}`, () => removeHostVeth(node.route, name));
      throw error;
    }
  },
  restore: restorePort,
  verify: (node, wanted) => findingOf(() => verifyPort(node, wanted)),
  remove(node, wanted) {
    removeOwnVeth(node, wanted);
    node.links.delete(wanted.name);
  },
  survey(node, scope) {
    const links = findLinks(node.route).map(({ name, alias }) => ({ name, owner: aliasOwner(alias) }));
    return links.flatMap(({ name, owner }) => (owner === undefined ? [] : ownedPort(node, scope, name, owner)));
  },
  able: () => undefined,
};

/**
 * Removes the attachment's host veth. A link of that name with the label of another attachment stays: another runtime may use the
 * same container ID. @returns whether it was there. @throws KernelError
 */
export function removeOwnVeth({ route }: Node, attachment: AttachmentKey & { readonly name: string }): boolean {
  const owner = aliasOwner(findLink(route, attachment.name)?.alias);
  if (owner !== undefined && !isSameOwner(owner, ownerText(attachment))) return false;
  return removeHostVeth(route, attachment.name);
}

/** The host veth as a finding, if its owner is of the scope. */
function ownedPort({ route }: Node, scope: Scope, name: string, owner: string): Owned[] {
  if (!isInScope(scope, owner)) return [];
  const { network, dataDir } = scope;
  return [
    {
      what: `the host veth ${name}`,
      owner,
      isOf: (attachment) => isSameOwner(owner, ownerText({ ...attachment, network, dataDir })),
      remove: () => void removeHostVeth(route, name),
    },
  ];
}

/**
 * Puts a port that exists back on its bridge, with its options and VLANs, and sets both ends up. An interface that the
 * container's administrator set up in spite of `keepDown` stays up. @throws Fault `check` where the veth pair is gone or
 * belongs to another attachment, KernelError
 */
function restorePort(node: Node, wanted: PortWanted): void {
  const { route } = node;
  const container = containerOf(node);
  const { name, ifName, mtu: size, vlans, hairpin, isolated, keepDown } = wanted;
  const bridge = linkNamed(node, wanted.bridge);
  const host = findLink(route, name);
  if (host === undefined) throw off(`the host veth ${name} is missing`);
  const owner = aliasOwner(host.alias);
  if (owner !== undefined && !isSameOwner(owner, ownerText(wanted))) throw off(`${name} belongs to ${owner}`);
  const inside = findLink(container.route, ifName);
  if (inside === undefined) throw off(`the interface ${ifName} is missing in the container`);
  if (inside.peer !== host.index) throw off(`the interface ${ifName} in the container is not the other end of ${name}`);
  if (size !== undefined && host.mtu !== size) execute(route, setLinkMtu(host.index, size));
  if (host.master !== bridge.index) enslave(route, host, bridge);
  const options = {
    hairpin: hairpin || host.port?.hairpin === true,
    isolated: isolated || host.port?.isolated === true,
  };
  if (hairpin || isolated) execute(route, setBridgePort(host.index, options));
  if (vlans !== undefined && findingOf(() => verifyPortVlans(route, host, vlans))) joinVlans(route, host.index, vlans);
  if (!host.up) execute(route, setLinkUp(host.index));
  if (wanted.mac !== undefined && !sameBytes(inside.mac, wanted.mac)) {
    execute(container.route, setLinkMac(inside.index, wanted.mac));
  }
  if (!keepDown && !inside.up) execute(container.route, setLinkUp(inside.index));
  container.links.delete(ifName);
  node.links.delete(name);
}

/** Makes the veth a port of the bridge, from whichever bridge it is on. @throws Fault `exhausted`, KernelError */
function enslave(route: Connection, host: Link, bridge: Link): void {
  try {
    execute(route, setLinkMaster(host.index, bridge.index));
  } catch (error) {
    throw isKernelError(error, EXFULL) ? bridgeFull(bridge, error) : error;
  }
}

/** @throws Fault `check` for the first thing that is off about either end */
function verifyPort(node: Node, wanted: PortWanted): void {
  const container = containerOf(node);
  const { name, ifName, hairpin, isolated, mtu: size, vlans, keepDown } = wanted;
  const bridge = knownLink(node, wanted.bridge);
  if (bridge === undefined) throw off(`the bridge ${wanted.bridge} is missing`);
  const host = verifyHostVeth(node.route, bridge, { name, hairpin, isolated, mtu: size });
  if (vlans !== undefined) verifyPortVlans(node.route, host, vlans);
  const expected = { name: ifName, up: !keepDown, mac: wanted.mac && formatMac(wanted.mac) };
  container.links.set(ifName, verifyContainerInterface(container.route, host, expected));
}

/** @throws Fault `check` unless the host veth is there, up, and a port of the bridge as it was set up */
function verifyHostVeth(connection: Connection, bridge: Link, expected: ExpectedPort): Link {
  const link = findLink(connection, expected.name);
  if (link === undefined) throw off(`the host veth ${expected.name} is missing`);
  if (link.kind !== 'veth') throw off(`${link.name} is no veth but ${link.kind ?? 'a device'}`);
  if (!link.up) throw off(`the host veth ${link.name} is down, expected up`);
  if (link.master !== bridge.index)
    throw off(`the host veth ${link.name} is not a port of ${bridge.name}: ${masterText(connection, link)}`);
  if (expected.mtu !== undefined && link.mtu !== expected.mtu) {
    throw off(`the MTU of ${link.name} is ${link.mtu}, expected ${expected.mtu}`);
  }
  if (expected.hairpin && !link.port?.hairpin) throw off(`hairpin mode of ${link.name} is off, expected on`);
  if (expected.isolated && !link.port?.isolated) throw off(`port isolation of ${link.name} is off, expected on`);
  return link;
}

/** @throws Fault `check` unless the interface is there, is as up as expected, is the other end of `host`, and has its MAC */
function verifyContainerInterface(connection: Connection, host: Link, expected: ExpectedInterface): Link {
  const link = findLink(connection, expected.name);
  if (link === undefined) throw off(`the interface ${expected.name} is missing in the container`);
  if (link.up !== expected.up) {
    throw off(`the interface ${link.name} in the container is ${upText(link.up)}, expected ${upText(expected.up)}`);
  }
  if (link.kind !== 'veth' || link.peer !== host.index || host.peer !== link.index) {
    throw off(`the interface ${link.name} in the container is not the other end of ${host.name}`);
  }
  const mac = formatMac(link.mac);
  if (expected.mac !== undefined && expected.mac.toLowerCase() !== mac) {
    throw off(`the MAC of ${link.name} in the container is ${mac}, expected ${expected.mac}`);
  }
  return link;
}

function masterText(connection: Connection, { master }: Link): string {
  const other = master === undefined ? undefined : findLink(connection, master);
  return other === undefined ? 'it is on no bridge' : `it is a port of ${other.name}`;
}

function upText(up: boolean): string {
  return up ? 'up' : 'down';
}
