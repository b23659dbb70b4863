/** The veth pair of an attachment, one end on the bridge and one in the container; and whether its netns is being destroyed. */

import { Fault } from '../../fault.ts';
import { type Connection, execute } from '../../netlink/connection.ts';
import { isKernelError, type KernelError, unlessRefused } from '../../netlink/error.ts';
import type { Message } from '../../netlink/message.ts';
import { NETNSA_NSID_NOT_ASSIGNED } from '../../netlink/route/constants.ts';
import { type BridgePort, decodeLink, getLink, type Link } from '../../netlink/route/link.ts';
import {
  createVeth,
  deleteLink,
  setBridgePort,
  setLinkAlias,
  type VethEnd,
  withoutLinkLocal,
} from '../../netlink/route/link-change.ts';
import { getNetns } from '../../netlink/route/netns.ts';
import { EAFNOSUPPORT, EEXIST, EINVAL, ENODEV, ENOENT, EXFULL } from '../../sys/errno.ts';
import { bridgeFull } from '../bridge/bridge.ts';
import { findLink } from '../links.ts';
import { type AttachmentKey, hostVethAlias, hostVethMac } from '../names.ts';
import { type Container, type Node, takeBack } from '../node.ts';

export interface VethSettings {
  /** With the pod, `shop/web-0`, where the runtime named one. */
  readonly attachment: AttachmentKey & { readonly pod?: string | undefined };
  /** The name of the host's end. */
  readonly name: string;
  readonly containerMac: Uint8Array;
  readonly mtu: number | undefined;
  readonly port: BridgePort;
}

export interface VethPair {
  readonly host: Link;
  readonly container: Pick<Link, 'index' | 'name' | 'mac' | 'mtu'>;
}

/**
 * Creates the pair: the host's end up and on the bridge, the container's end still down. On failure nothing is left of it.
 * @throws Fault `conflict` when either name is taken, KernelError
 */
export function createVethPair(node: Node, container: Container, bridge: Link, settings: VethSettings): VethPair {
  const { attachment, mtu, name } = settings;
  const host = { name, mac: hostVethMac(attachment), mtu, bridge: bridge.index };
  const inside = { name: attachment.ifName, mac: settings.containerMac, mtu, netnsFd: container.netns.fd };
  const { lost } = node.route;
  try {
    execute(node.route, createVeth({ host, container: inside }));
  } catch (error) {
    if (isKernelError(error, EEXIST)) throw nameTaken(container, settings);
    if (isKernelError(error, EXFULL)) throw bridgeFull(bridge, error);
    if (node.route.lost > lost) takeBack(node, `remove ${name}`, () => removeIfNew(node, container, settings));
    throw error;
  }
  if (node.route.lost > lost && !isNew(node, container, settings)) throw nameTaken(container, settings);
  try {
    const link = label(node.route, name, hostVethAlias(attachment));
    const { port } = settings;
    if (port.hairpin || port.isolated) execute(node.route, setBridgePort(link.index, port));
    return { host: link, container: otherEnd(link, inside) };
  } catch (error) {
    takeBack(node, `remove ${name}`, () => removeHostVeth(node.route, name));
    throw error;
  }
}

/** Removes the host's end, and with it the container's. @returns whether there was one. @throws KernelError */
export function removeHostVeth(connection: Connection, name: string): boolean {
  return unlessRefused([ENODEV], () => execute(connection, deleteLink(name))) !== undefined;
}

/**
 * Whether the kernel is destroying the netns at the other end: nothing holds that any more, and its interfaces, with them the
 * veth, go some milliseconds later (cleanup_net in net/core/net_namespace.c). The kernel has a number for every namespace that
 * something holds. False for a kernel that cannot be asked. @throws KernelError
 */
export function hasDyingPeer(connection: Connection, { kind, peerNetns }: Link): boolean {
  if (kind !== 'veth' || peerNetns === undefined) return false;
  if (peerNetns === NETNSA_NSID_NOT_ASSIGNED) return true;
  try {
    execute(connection, getNetns(peerNetns));
    return false;
  } catch (error) {
    if (isKernelError(error, ENOENT)) return true;
    if (isKernelError(error, EINVAL)) return false;
    throw error;
  }
}

/** For a lost answer: whether this call made the link of that name. The link of another attachment has a label. */
function isNew(node: Node, container: Container, { name, attachment }: VethSettings): boolean {
  const host = findLink(node.route, name);
  const inside = findLink(container.route, attachment.ifName);
  return host !== undefined && host.alias === undefined && inside?.peer === host.index;
}

function removeIfNew(node: Node, container: Container, settings: VethSettings): void {
  if (isNew(node, container, settings)) removeHostVeth(node.route, settings.name);
}

/**
 * Labels the host's end with its owner, for people and for finding it without our files; and keeps it from an IPv6 address,
 * which a bridge port does not need.
 * @returns the link after that. @throws Fault `busy`, KernelError
 */
function label(connection: Connection, name: string, alias: string): Link {
  const named = setLinkAlias(name, alias);
  try {
    return linkIn(execute(connection, named, withoutLinkLocal(name), getLink(name)).at(-1), name);
  } catch (error) {
    if (isKernelError(error, ENODEV)) throw removedMeanwhile(error);
    if (!isKernelError(error, EAFNOSUPPORT)) throw error; // a kernel without IPv6
    return linkIn(execute(connection, named, getLink(name)).at(-1), name);
  }
}

function linkIn(replies: readonly Message[] | undefined, name: string): Link {
  const [reply] = replies ?? [];
  if (reply === undefined) throw new Fault('internal', `cannot look at ${name}: the kernel answered nothing`);
  return decodeLink(reply.payload);
}

/** The container's end, which need not be read: the host's end knows its index, and the rest is as requested. */
function otherEnd(host: Link, { name, mac }: VethEnd): VethPair['container'] {
  if (host.peer === undefined) throw new Fault('internal', `cannot find ${name}: ${host.name} names no other end`);
  return { index: host.peer, name, mac, mtu: host.mtu };
}

function removedMeanwhile(cause: KernelError): Fault {
  return new Fault('busy', cause.message, {
    cause,
    details: 'Something removed it as soon as it was made. Try again.',
  });
}

function nameTaken(container: Container, { attachment, name }: VethSettings): Fault {
  if (findLink(container.route, attachment.ifName) !== undefined) return interfaceExists(container, attachment.ifName);
  const message = `cannot create ${name} for ${attachment.ifName} of ${attachment.containerId}: ${name} exists already`;
  return new Fault('conflict', message, {
    details: 'This container is attached to this network already; run DEL for it first.',
  });
}

function interfaceExists(container: Container, ifName: string): Fault {
  const message = `cannot create ${ifName} in ${container.netns.path}: the container has an interface of that name`;
  return new Fault('conflict', message, {
    details: 'Use another CNI_IFNAME, or run DEL for the attachment that made it.',
  });
}
