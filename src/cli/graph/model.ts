/** The networks of the node as they are drawn: the way outside, the bridges, their ports, and the containers behind those. */

import { formatCidr } from '../../address/cidr.ts';
import type { Family } from '../../address/ip.ts';
import { podText } from '../../ipam/index.ts';
import type { LinkAddress } from '../../netlink/route/address.ts';
import type { Link } from '../../netlink/route/link.ts';
import { BRIDGE_ALIAS, GATEWAY_ALIAS } from '../../resources/names.ts';
import type { Configuration } from '../inventory/configurations.ts';
import type { Inventory, Listed } from '../inventory/inventory.ts';

export interface Graph {
  /** The interfaces of the default routes. */
  readonly uplinks: readonly Uplink[];
  /** The families whose packets the node forwards, as its sysctls say. */
  readonly forwarding: readonly Family[];
  readonly bridges: readonly Bridge[];
  /** Attachments whose bridge is not known: leases without a record, and records of other plugins. */
  readonly unattached: readonly Endpoint[];
}

export interface Uplink {
  readonly interface: string;
  readonly addresses: readonly string[];
  /** The routers of its default routes. */
  readonly via: readonly string[];
}

export interface Bridge {
  readonly name: string;
  /** `missing`: records name it, and the node does not have it. */
  readonly link: 'up' | 'down' | 'missing';
  readonly mtu: number | undefined;
  /** Its own addresses, and those of the VLAN gateways on it. */
  readonly addresses: readonly string[];
  readonly networks: readonly string[];
  readonly containers: readonly Endpoint[];
  /** Ports of the bridge that belong to no attachment that is drawn. */
  readonly otherPorts: readonly string[];
}

/** An attachment as it is drawn. */
export interface Endpoint {
  readonly network: string;
  readonly containerId: string;
  readonly pod: string | undefined;
  readonly ifName: string;
  readonly addresses: readonly string[];
  readonly hostVeth: string | undefined;
  /** `elsewhere`: the host veth is not a port of the bridge of its record. */
  readonly port: 'up' | 'down' | 'missing' | 'elsewhere';
  readonly state: Listed['life']['state'];
  readonly evidence: string;
  /** Whether all that is to be masqueraded is; undefined where nothing is to be. */
  readonly masqueraded: boolean | undefined;
}

/** What is drawn besides the inventory. */
export interface Surroundings extends Pick<Graph, 'uplinks' | 'forwarding'> {
  /** The addresses of the node's links, without IPv6 link-local ones. */
  readonly addresses: readonly LinkAddress[];
  /** Whether an attachment is masqueraded; undefined where it is not to be. */
  masqueraded(listed: Listed): boolean | undefined;
}

interface ConfiguredBridge {
  readonly network: string;
  readonly bridge: string;
}

/** What is drawn, and what is known of the links around it. */
type Scene = Pick<Inventory, 'attachments'> &
  Surroundings & { readonly byName: ReadonlyMap<string, Link>; readonly configured: readonly ConfiguredBridge[] };

/** The types of plugins that make a bridge, and the bridge that they make unless the configuration names one. */
const BRIDGE_TYPES = ['trestle', 'bridge'];
const DEFAULT_BRIDGE = 'cni0';

/** Arranges the inventory as it is drawn. With `only`, the bridges of that network alone. */
export function drawGraph(inventory: Inventory, around: Surroundings, only?: string): Graph {
  const { attachments, configurations, links } = inventory;
  const { uplinks, forwarding } = around;
  const byName = new Map(links.map((link) => [link.name, link]));
  const configured = configurations.flatMap(bridgesOf);
  const scene: Scene = { ...around, attachments, byName, configured };
  const ours = links.filter(({ alias }) => only === undefined && alias === BRIDGE_ALIAS).map(({ name }) => name);
  const named = configured.filter(({ network, bridge }) => network === only && byName.has(bridge));
  const used = attachments.flatMap(({ bridge }) => bridge ?? []);
  const names = [...new Set([...used, ...ours, ...named.map(({ bridge }) => bridge)])].sort();
  const unattached = attachments.filter(({ bridge }) => bridge === undefined);
  return {
    uplinks,
    forwarding,
    bridges: names.map((name) => bridgeNamed(name, scene)),
    unattached: unattached.map((one) => endpointOf(one, undefined, scene)),
  };
}

/** How many of the containers' attachments that are to be masqueraded are. */
export function masquerading(containers: readonly Endpoint[]): { readonly wanted: number; readonly present: number } {
  const wanted = containers.filter(({ masqueraded }) => masqueraded !== undefined);
  return { wanted: wanted.length, present: wanted.filter(({ masqueraded }) => masqueraded).length };
}

function bridgeNamed(name: string, scene: Scene): Bridge {
  const { attachments, byName, configured, addresses } = scene;
  const link = byName.get(name);
  const links = [...byName.values()];
  const gateways = links.filter((one) => one.alias === GATEWAY_ALIAS && one.name.startsWith(`${name}.`));
  const own = new Set([...gateways, ...(link === undefined ? [] : [link])].map(({ index }) => index));
  const containers = attachments.filter(({ bridge }) => bridge === name);
  const veths = new Set(containers.map(({ hostVeth }) => hostVeth));
  const ports = link === undefined ? [] : links.filter(({ master }) => master === link.index);
  const here = configured.filter(({ bridge }) => bridge === name);
  return {
    name,
    link: link === undefined ? 'missing' : link.up ? 'up' : 'down',
    mtu: link?.mtu,
    addresses: addresses.filter(({ index }) => own.has(index)).map(({ address }) => formatCidr(address)),
    networks: [...new Set([...containers, ...here].map(({ network }) => network))].sort(),
    containers: containers.map((one) => endpointOf(one, link, scene)),
    otherPorts: ports.filter((port) => !veths.has(port.name)).map((port) => port.name),
  };
}

function endpointOf(listed: Listed, bridge: Link | undefined, { byName, masqueraded }: Scene): Endpoint {
  const { network, containerId, pod, ifName, addresses, hostVeth, life } = listed;
  const port = portState(byName.get(hostVeth ?? ''), bridge);
  const { state, evidence } = life;
  return {
    ...{ network, containerId, pod: podText(pod) || undefined, ifName, addresses, hostVeth, port, state, evidence },
    masqueraded: masqueraded(listed),
  };
}

function portState(port: Link | undefined, bridge: Link | undefined): Endpoint['port'] {
  if (port === undefined) return 'missing';
  if (bridge === undefined || port.master !== bridge.index) return 'elsewhere';
  return port.up && port.carrier ? 'up' : 'down';
}

function bridgesOf({ network, plugins }: Configuration): ConfiguredBridge[] {
  const own = plugins.filter(({ type }) => BRIDGE_TYPES.includes(type));
  return own.map(({ json: { bridge } }) => ({
    network,
    bridge: typeof bridge === 'string' && bridge !== '' ? bridge : DEFAULT_BRIDGE,
  }));
}
