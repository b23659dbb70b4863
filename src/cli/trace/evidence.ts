/** Sends the probe, and gathers all that can be seen of its way. */

import { formatIp, type Ip, sameIp } from '../../address/ip.ts';
import { collecting } from '../../attempt.ts';
import { type Connection, closeConnection, connect, execute } from '../../netlink/connection.ts';
import { decodeFlow, type Flow, findFlow } from '../../netlink/conntrack/flow.ts';
import { unlessRefused } from '../../netlink/error.ts';
import { query } from '../../netlink/nft/batch.ts';
import { decodeChain, listChains } from '../../netlink/nft/table.ts';
import { ECHO_REQUEST } from '../../netlink/probe/icmp.ts';
import { type Probe, type ProbeProtocol, protocolNumber } from '../../netlink/probe/packet.ts';
import { RTN_LOCAL } from '../../netlink/route/constants.ts';
import type { Link } from '../../netlink/route/link.ts';
import type { Neighbour } from '../../netlink/route/neighbour-table.ts';
import { openSocket } from '../../netlink/socket.ts';
import { findAddresses, findLink, findLinks } from '../../resources/links.ts';
import type { Node } from '../../resources/node.ts';
import { withContainer } from '../../resources/node.ts';
import { EINVAL, ENOENT, EOPNOTSUPP } from '../../sys/errno.ts';
import type { Origin, Target } from './ends.ts';
import { type Flight, fly } from './flight.ts';
import { type Journey, journeysOf } from './journey.ts';
import { type LegacyState, readLegacy } from './legacy.ts';
import { Rules } from './rules.ts';
import {
  findPort,
  isLocal,
  linkOf,
  neighbourOf,
  type Port,
  type Recorded,
  type Routing,
  recordedOf,
  routing,
} from './surroundings.ts';
import { openTracer, type Tracer } from './tracer.ts';

/** The host that the probe starts from: the container, or the node. */
export interface Start {
  readonly routing: Routing;
  readonly link: Link | undefined;
  readonly nextHop: Ip | undefined;
  readonly source: Ip | undefined;
  /** Of the next hop, when all is over. */
  readonly neighbour: Neighbour | undefined;
  /** The packet does not leave the host. */
  readonly isLocal: boolean;
}

/** What became of the packets in the packet filter of one network namespace. */
export interface Filtered {
  readonly journeys: readonly Journey[];
  readonly rules: Rules;
}

export interface Evidence {
  readonly node: Node;
  readonly origin: Origin;
  readonly target: Target;
  readonly protocol: ProbeProtocol;
  readonly timeoutMs: number;
  readonly start: Start;
  readonly recorded: Recorded;
  /** The container's host veth; undefined where it is gone, or the trace begins on the node. */
  readonly port: Port | undefined;
  /** The links of the node by index. */
  readonly links: ReadonlyMap<number, Link>;
  /** The next hop of the container is its recorded gateway, and no interface of the node has that address. */
  readonly isGatewayMissing: boolean;
  /** Undefined where there is no route, so that nothing was sent. */
  readonly flight: Flight | undefined;
  readonly onNode: Filtered | undefined;
  /** Undefined where the container has no chains of its own. */
  readonly inContainer: Filtered | undefined;
  readonly flow: Flow | undefined;
  readonly legacy: readonly LegacyState[];
  /** Whether the kernel removes the trace's table should this process be killed. */
  readonly isOwned: boolean;
}

interface Asked {
  readonly origin: Origin;
  readonly target: Target;
  readonly protocol: ProbeProtocol;
  readonly timeoutMs: number;
}

/** A network namespace to start from. */
interface Place {
  readonly route: Connection;
  within<T>(action: () => T): T;
}

/** @throws KernelError, SystemError; Fault `environment` where the container's network namespace is gone */
export function gather(node: Node, asked: Asked): Evidence {
  const { netnsPath } = asked.origin;
  if (netnsPath === undefined) return gatherFrom(node, asked, { route: node.route, within: (action) => action() });
  return withContainer(node, netnsPath, (container) => gatherFrom(node, asked, container));
}

function gatherFrom(node: Node, asked: Asked, place: Place): Evidence {
  const { target, origin, protocol, timeoutMs } = asked;
  const { family } = target.ip;
  const found = routing(place.route, { to: target.ip });
  const link = linkOf(place.route, found.way?.index);
  const nextHop = found.way === undefined ? undefined : (found.way.gateway ?? target.ip);
  const source = found.way?.source ?? (link && firstAddress(place.route, link, family));
  const stays = found.way?.type === RTN_LOCAL;
  const recorded = recordedOf(origin.listed, family);
  const probe = source && makeProbe(protocol, source, target);
  const isSent = probe !== undefined && link !== undefined && nextHop !== undefined;
  const sent = isSent ? send(node, asked, place, { probe, index: link.index, nextHop }) : undefined;
  const links = findLinks(node.route);
  const neighbour = stays || !isSent ? undefined : neighbourOf(place.route, link.index, nextHop);
  const isGateway = nextHop !== undefined && recorded.gateway !== undefined && sameIp(nextHop, recorded.gateway);
  return {
    ...{ node, origin, target, protocol, timeoutMs, recorded },
    start: { routing: found, link, nextHop, source, neighbour, isLocal: stays },
    port: origin.netnsPath === undefined ? undefined : portOf(node, links, place, recorded, link),
    links: new Map(links.map((one) => [one.index, one])),
    isGatewayMissing: isGateway && recorded.gateways.length > 0 && !isLocal(node.route, nextHop),
    ...{ flight: sent?.flight, onNode: sent?.onNode, inContainer: sent?.inContainer, flow: sent?.flow },
    legacy: readLegacy(family),
    isOwned: sent?.isOwned ?? true,
  };
}

interface Sent {
  readonly flight: Flight;
  readonly onNode: Filtered;
  readonly inContainer: Filtered | undefined;
  readonly flow: Flow | undefined;
  readonly isOwned: boolean;
}

function send(
  node: Node,
  { origin, timeoutMs }: Asked,
  place: Place,
  { probe, index, nextHop }: { readonly probe: Probe; readonly index: number; readonly nextHop: Ip },
): Sent {
  const tracers: Tracer[] = [openTracer(probe, nextHop)];
  try {
    const isInside = origin.netnsPath !== undefined && place.within(hasChains);
    if (isInside) tracers.push(place.within(() => openTracer(probe, nextHop)));
    const flight = fly(probe, index, place.within, tracers, timeoutMs);
    const filtered = tracers.map((tracer, at): Filtered => {
      const rules = new Rules(tracer, node.searchPath);
      const journeys = journeysOf(flight.events[at] ?? [], probe);
      // What the rules say is read while the socket is open.
      for (const { met } of journeys) for (const one of met) rules.describe(one);
      return { journeys, rules };
    });
    const [onNode, inContainer] = filtered as [Filtered, Filtered | undefined];
    const [first] = tracers as [Tracer];
    return { flight, onNode, inContainer, flow: flowOf(first.nft, probe), isOwned: first.isOwned };
  } finally {
    for (const tracer of tracers) tracer.close();
  }
}

/** The packet as connection tracking on the node knows it; undefined where it knows nothing of it. */
function flowOf(connection: Connection, probe: Probe): Flow | undefined {
  const { source, destination, protocol, id, port } = probe;
  const number = protocolNumber(probe);
  const ends =
    protocol === 'icmp'
      ? { icmp: { id, type: ECHO_REQUEST[source.family] } }
      : { sourcePort: id, destinationPort: port };
  let flow: Flow | undefined;
  collecting(() => {
    const request = findFlow({ source, destination, protocol: number, ...ends });
    const reply = unlessRefused([ENOENT, EINVAL, EOPNOTSUPP], () => execute(connection, request)[0]?.[0]);
    flow = reply && decodeFlow(reply);
  });
  return flow;
}

function makeProbe(protocol: ProbeProtocol, source: Ip, { ip, port = 0 }: Target): Probe {
  const token = Uint8Array.from({ length: 8 }, () => Math.floor(Math.random() * 256));
  // Above the ports that the kernel gives out by itself (ip_local_port_range).
  const id = 61_000 + Math.floor(Math.random() * 4_500);
  return { protocol, source, destination: ip, port, id, token };
}

/** Whether the current namespace has chains of nftables that packets come through. */
function hasChains(): boolean {
  const connection = connect(openSocket('netfilter'));
  try {
    return query(connection, listChains(0)).some((message) => decodeChain(message).hook !== undefined);
  } finally {
    closeConnection(connection);
  }
}

function portOf(node: Node, links: readonly Link[], place: Place, { hostVeth }: Recorded, link: Link | undefined) {
  const inside = link ?? innerLinkOf(place.route, links, hostVeth);
  return inside && findPort(node.route, links, inside);
}

/** The container's end of its host veth, where no route leads to it. */
function innerLinkOf(route: Connection, links: readonly Link[], hostVeth: string | undefined): Link | undefined {
  const peer = links.find(({ name }) => name === hostVeth)?.peer;
  return peer === undefined ? undefined : findLink(route, peer);
}

function firstAddress(route: Connection, { index }: Link, family: 4 | 6): Ip | undefined {
  return findAddresses(route, index, family)[0]?.address.ip;
}

/** `10.1.0.2`, for a link's way. */
export function ipText(ip: Ip | undefined): string {
  return ip === undefined ? '?' : formatIp(ip);
}
