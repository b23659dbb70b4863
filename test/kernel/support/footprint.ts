/** What is on a node and in its containers, as lines that can be compared: in whatever order the kernel lists it, without indexes. */

import { type Address, addresses, type Link, links, type Route, routes, sysctl } from '../../support/kernel.ts';
import { exec, type Netns } from '../../support/netns.ts';
import { anchorsOf, elementsOf, type NftElement, type NftObject, nftSnapshot } from '../../support/nft.ts';

export interface Footprint {
  /** Links, addresses, routes, sysctls and rules; elements of sets, except those that stand for no attachment. */
  readonly lines: readonly string[];
  /**
   * What may stay when all attachments are gone: tables, chains, sets and rules of ours, which stand for a network; the tables of
   * iptables with their base chains, and the policies of those; options of a bridge.
   */
  readonly standing: readonly string[];
}

const SYSCTLS = ['net/ipv4/ip_forward', 'net/ipv6/conf/all/forwarding'];
/** `legacy :FORWARD DROP`; a chain that is not built in has no policy. */
const BASE_CHAIN = /^legacy :\S+ [A-Z]/;
const VOLATILE = ['LOWER_UP', 'NO-CARRIER'];

/** Reads it all. */
export function footprint(node: Netns, containers: readonly Netns[]): Footprint {
  const snapshot = nftSnapshot(node);
  const legacy = legacyRules(node);
  const lines = [
    ...network(node).map((line) => `node: ${line}`),
    ...containers.flatMap((ns, at) => (ns.exists() ? inContainer(ns).map((line) => `container ${at}: ${line}`) : [])),
    ...SYSCTLS.map((name) => `${name} = ${sysctl(node, name)}`),
    ...snapshot.filter((one) => !isStanding(one)).map(objectText),
    ...elementsOf(snapshot).map(elementText),
    ...legacy.filter((line) => !BASE_CHAIN.test(line)),
  ];
  const standing = [
    ...snapshot.filter(isStanding).map(objectText),
    ...anchorsOf(snapshot).map(elementText),
    ...legacy.filter((line) => BASE_CHAIN.test(line)),
    ...links(node, 'bridge').map(bridgeText),
  ];
  return { lines: lines.sort(), standing: standing.sort() };
}

function network(ns: Netns): string[] {
  return [
    ...links(ns).map(linkText),
    ...addresses(ns).map(addressText),
    ...([4, 6] as const).flatMap((family) => routes(ns, family).map(routeText)),
  ];
}

/** Without loopback, which is up in a container from its first attachment on. */
function inContainer(ns: Netns): string[] {
  return network(ns).filter((line) => !/^link lo |dev lo( |$)/.test(line));
}

function linkText({ ifname, address, mtu, master, ifalias, promiscuity, flags, linkinfo }: Link): string {
  const { hairpin, isolated } = linkinfo?.info_slave_data ?? {};
  const lasting = flags.filter((flag) => !VOLATILE.includes(flag)).sort();
  const options = { master, ifalias, promiscuity, hairpin, isolated };
  // A bridge has the MTU of its ports, and the kernel's own where it has none.
  const size = linkinfo?.info_kind === 'bridge' ? '' : ` mtu ${mtu}`;
  return `link ${ifname} ${address}${size} ${lasting} ${JSON.stringify(options)}`;
}

/** Options of a bridge that stay with it. */
function bridgeText({ ifname, linkinfo }: Link): string {
  const { vlan_filtering, no_linklocal_learn } = linkinfo?.info_data ?? {};
  return `bridge ${ifname} ${JSON.stringify({ vlan_filtering, no_linklocal_learn })}`;
}

function addressText({ cidr, dev }: Address): string {
  return `address ${cidr} dev ${dev}`;
}

/** Without `linkdown`, which comes and goes with the carrier. */
function routeText({ dst, gateway, dev, metric }: Route): string {
  return `route ${dst} via ${gateway} dev ${dev} metric ${metric}`;
}

function isStanding({ kind, table, body }: NftObject): boolean {
  const isOfIptables = ['nat', 'filter'].includes(table) && (kind === 'table' || body.hook !== undefined);
  return table === 'trestle' || isOfIptables;
}

function objectText({ kind, family, body }: NftObject): string {
  return `${kind} ${family} ${JSON.stringify({ ...body, elem: undefined })}`;
}

function elementText({ family, table, set, value, comment }: NftElement): string {
  return `element of ${family} ${table} ${set}: ${value}, ${comment}`;
}

/** All tables that there are; none is made by looking. */
function legacyRules(ns: Netns): string[] {
  const saved = exec(ns, ['sh', '-c', 'iptables-legacy-save; ip6tables-legacy-save']).split('\n');
  return saved.filter((line) => /^[-:]/.test(line)).map((line) => `legacy ${line.replace(/ \[\d+:\d+\]$/, '')}`);
}
