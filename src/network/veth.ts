/** The veth pair of an attachment: one end on the bridge, the other in the container. */

import { Fault } from '../fault.ts';
import { type Connection, execute } from '../netlink/connection.ts';
import { isKernelError } from '../netlink/error.ts';
import type { BridgePort, Link } from '../netlink/route/link.ts';
import { createVeth, deleteLink, setBridgePort, setLinkAlias, withoutLinkLocal } from '../netlink/route/link-change.ts';
import { EAFNOSUPPORT, EEXIST, ENODEV } from '../sys/errno.ts';
import type { ContainerKernel, NodeKernel } from './kernel.ts';
import { findLink } from './links.ts';
import { type AttachmentKey, hostVethAlias, hostVethMac, hostVethName } from './names.ts';
import type { Undo } from './undo.ts';

export interface VethSettings {
  readonly attachment: AttachmentKey;
  readonly containerMac: Uint8Array;
  readonly mtu: number | undefined;
  readonly port: BridgePort;
}

export interface VethPair {
  readonly host: Link;
  readonly container: Link;
}

/**
 * Creates the pair, the host's end up and on the bridge, the container's still down.
 * @throws Fault `conflict` when either name is taken, KernelError
 */
export function createVethPair(
  node: NodeKernel,
  container: ContainerKernel,
  bridge: Link,
  settings: VethSettings,
  undo: Undo,
): VethPair {
  const { attachment, mtu } = settings;
  const name = hostVethName(attachment);
  const host = { name, mac: hostVethMac(attachment), mtu, bridge: bridge.index };
  const inside = { name: attachment.ifName, mac: settings.containerMac, mtu, netnsFd: container.netns.fd };
  try {
    execute(node.route, createVeth({ host, container: inside }));
  } catch (error) {
    throw isKernelError(error, EEXIST) ? nameTaken(container, attachment) : error;
  }
  undo.push(`remove ${name}`, () => removeHostVeth(node.route, name));
  label(node.route, name, hostVethAlias(attachment));
  const pair = { host: mustFind(node.route, name), container: mustFind(container.route, attachment.ifName) };
  const { port } = settings;
  if (port.hairpin || port.isolated) execute(node.route, setBridgePort(pair.host.index, port));
  return pair;
}

/** The alias names the owner, for people and for finding it without our files; a bridge port needs no IPv6 address. */
function label(connection: Connection, name: string, alias: string): void {
  execute(connection, setLinkAlias(name, alias));
  try {
    execute(connection, withoutLinkLocal(name));
  } catch (error) {
    if (!isKernelError(error, EAFNOSUPPORT)) throw error;
  }
}

/** Removes the host's end, and the container's with it. @returns whether there was one. @throws KernelError */
export function removeHostVeth(connection: Connection, name: string): boolean {
  try {
    execute(connection, deleteLink(name));
    return true;
  } catch (error) {
    if (isKernelError(error, ENODEV)) return false;
    throw error;
  }
}

/** @throws Fault `conflict` when the container has an interface of that name */
export function refuseTakenName(container: ContainerKernel, ifName: string): void {
  if (findLink(container.route, ifName) !== undefined) throw interfaceExists(container, ifName);
}

function mustFind(connection: Connection, name: string): Link {
  const link = findLink(connection, name);
  if (link === undefined) throw new Fault('busy', `cannot set ${name} up: it was removed as soon as it was made`);
  return link;
}

function nameTaken(container: ContainerKernel, attachment: AttachmentKey): Fault {
  if (findLink(container.route, attachment.ifName) !== undefined) return interfaceExists(container, attachment.ifName);
  const name = hostVethName(attachment);
  const message = `cannot create ${name} for ${attachment.ifName} of ${attachment.containerId}: ${name} exists already`;
  return new Fault('conflict', message, {
    details: 'This container is attached to this network already; run DEL for it first.',
  });
}

function interfaceExists(container: ContainerKernel, ifName: string): Fault {
  const message = `cannot create ${ifName} in ${container.netns.path}: the container has an interface of that name`;
  return new Fault('conflict', message, {
    details: 'Use another CNI_IFNAME, or run DEL for the attachment that made it.',
  });
}
