/** What stands along the way of a packet: routes, interfaces, neighbours, ports of bridges. Only reads. */

import { type Cidr, parseCidr } from '../../address/cidr.ts';
import { type Family, type Ip, parseIp } from '../../address/ip.ts';
import { type Connection, execute } from '../../netlink/connection.ts';
import { KernelError, unlessRefused } from '../../netlink/error.ts';
import { decodePortLook, type PortState } from '../../netlink/route/bridge.ts';
import { RTN_LOCAL } from '../../netlink/route/constants.ts';
import { decodeForwarding, type ForwardingEntry, findForwarding } from '../../netlink/route/forwarding-database.ts';
import { getLink, type Link } from '../../netlink/route/link.ts';
import { decodeWay, lookUpRoute, type Routed, type Way } from '../../netlink/route/lookup.ts';
import { decodeNeighbour, findNeighbour, type Neighbour } from '../../netlink/route/neighbour-table.ts';
import { findLink } from '../../resources/links.ts';
import { isObject } from '../../schema/json.ts';
import { EINVAL, ENODEV, ENOENT, EOPNOTSUPP } from '../../sys/errno.ts';
import { readWholeText, unlessMissing } from '../../sys/file.ts';
import type { Listed } from '../inventory/inventory.ts';

/** Where a packet would go; or the errno with which the kernel refuses it. */
export type Routing =
  | { readonly way: Way; readonly errno?: undefined }
  | { readonly way?: undefined; readonly errno: number };

/** The host veth of a container, and the bridge that it is a port of. */
export interface Port {
  readonly link: Link;
  readonly bridge: Link | undefined;
  readonly state: PortState | undefined;
  /** What the bridge has for the container's MAC. */
  readonly entry: ForwardingEntry | undefined;
}

/** What the record of an attachment says that it should have. */
export interface Recorded {
  readonly bridge: string | undefined;
  readonly hostVeth: string | undefined;
  /** The container's gateway, and the node's addresses on the bridge. */
  readonly gateway: Ip | undefined;
  readonly gateways: readonly Cidr[];
  readonly isMasqueraded: boolean;
}

/** @throws KernelError for a refusal that says nothing of routes */
export function routing(connection: Connection, routed: Routed): Routing {
  try {
    const [reply] = execute(connection, lookUpRoute(routed))[0] ?? [];
    return reply === undefined ? { errno: ENOENT } : { way: decodeWay(reply.payload) };
  } catch (error) {
    if (error instanceof KernelError) return { errno: error.errno };
    throw error;
  }
}

/** Whether the address is the host's own. */
export function isLocal(connection: Connection, ip: Ip): boolean {
  return routing(connection, { to: ip }).way?.type === RTN_LOCAL;
}

/** @returns undefined where the kernel has none, or no table for such an interface. @throws KernelError */
export function neighbourOf(connection: Connection, index: number, ip: Ip): Neighbour | undefined {
  const refusals = [ENOENT, ENODEV, EINVAL, EOPNOTSUPP];
  const reply = unlessRefused(refusals, () => execute(connection, findNeighbour(index, ip))[0]?.[0]);
  return reply && decodeNeighbour(reply.payload);
}

/** The host veth of a container's interface: the other end of the pair. @throws KernelError */
export function findPort(node: Connection, links: readonly Link[], inside: Link): Port | undefined {
  const link = links.find(({ index, peer, kind }) => kind === 'veth' && index === inside.peer && peer === inside.index);
  if (link === undefined) return undefined;
  const bridge = link.master === undefined ? undefined : links.find(({ index }) => index === link.master);
  const [reply] = execute(node, getLink(link.index))[0] ?? [];
  const entry = bridge?.kind === 'bridge' ? forwardingOf(node, bridge.index, inside.mac) : undefined;
  return { link, bridge, state: reply && decodePortLook(reply.payload).state, entry };
}

/** @returns undefined where the bridge has none, or the kernel cannot look one up. @throws KernelError */
export function forwardingOf(node: Connection, bridge: number, mac: Uint8Array): ForwardingEntry | undefined {
  const reply = unlessRefused([ENOENT, EINVAL, EOPNOTSUPP], () => execute(node, findForwarding(bridge, mac))[0]?.[0]);
  return reply && decodeForwarding(reply.payload);
}

/** What the plan of the attachment says, for one family. */
export function recordedOf(listed: Listed | undefined, family: Family): Recorded {
  const plan: readonly unknown[] = listed?.record?.plan ?? [];
  const ofKind = (kind: string) => plan.filter(isObject).find((one) => one.kind === kind);
  const addresses = asList(ofKind('addressing')?.addresses).filter(isObject);
  const gateway = addresses.map((one) => parseIp(String(one.gateway ?? ''))).find((ip) => ip?.family === family);
  const gateways = asList(ofKind('gateway')?.addresses).flatMap((text) => parseCidr(String(text)) ?? []);
  return {
    bridge: listed?.bridge,
    hostVeth: listed?.hostVeth,
    gateway,
    gateways: gateways.filter(({ ip }) => ip.family === family),
    isMasqueraded: ofKind('masquerade') !== undefined,
  };
}

/** A sysctl below /proc/sys/net of the thread's current namespace; undefined where there is none. */
export function sysctlOf(path: string): string | undefined {
  return unlessMissing(() => readWholeText(`/proc/sys/net/${path}`))?.trim();
}

/** A link of a connection's namespace. @throws KernelError */
export function linkOf(connection: Connection, index: number | undefined): Link | undefined {
  return index === undefined ? undefined : findLink(connection, index);
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
