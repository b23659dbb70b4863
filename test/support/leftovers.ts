/** All that an attachment may leave behind, read so that two readings can be compared with toEqual. */

import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { addresses, links, routes } from './kernel.ts';
import type { Netns } from './netns.ts';
import { elementsOf, type NftElement, type NftObject, nftSnapshot } from './nft.ts';
import type { ScratchNode } from './node.ts';

export interface Leftovers {
  /** Links of the node. Not bridges: they stand for the network and stay. */
  readonly links: string[];
  /** Files below dataDir and their content: leases, records, temporary files. Not what stays with the network (STANDING). */
  readonly files: Record<string, string>;
  /** Elements of nftables sets and maps. */
  readonly elements: NftElement[];
  /** Rules and chains in the tables of iptables' nat, which that backend makes one by one for each attachment. */
  readonly nat: string[];
  /** In each container that has a namespace still: links, addresses and routes except lo's. Those with none are left out. */
  readonly containers: Record<string, string[]>;
}

const STANDING = /(^|\/)(lock|last_reserved_ip\.[^/]*)$|^\.trestle\/([^/]+\/boot|\.generation)$/;

/** Reads what there is now. `dataDir` where a test does not use the node's own. */
export function leftovers(node: ScratchNode, dataDir: string = node.dataDir): Leftovers {
  const ruleset = nftSnapshot(node.ns);
  return {
    links: links(node.ns)
      .filter((link) => link.linkinfo?.info_kind !== 'bridge')
      .map((link) => link.ifname)
      .sort(),
    files: files(dataDir),
    elements: elementsOf(ruleset),
    nat: ruleset.filter(isNat).map((object) => JSON.stringify(object.body)),
    containers: Object.fromEntries(
      node.containers.map(({ id, ns }) => [id, inContainer(ns)] as const).filter(([, found]) => found.length > 0),
    ),
  };
}

/** The files below a directory, dot directories included, by relative path. */
function files(directory: string): Record<string, string> {
  const entries = readdirIfThere(directory).filter((entry) => entry.isFile());
  const paths = entries.map((entry) => relative(directory, join(entry.parentPath, entry.name))).sort();
  const attached = paths.filter((path) => !STANDING.test(path));
  return Object.fromEntries(attached.map((path) => [path, readFileSync(join(directory, path), 'utf8')]));
}

/** Everything below a directory; nothing where there is none. */
export function readdirIfThere(directory: string) {
  try {
    return readdirSync(directory, { recursive: true, withFileTypes: true });
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return [];
    throw error;
  }
}

/** The chains that iptables itself makes stay, empty. */
function isNat({ kind, family, table, body }: NftObject): boolean {
  if (table !== 'nat' || !['ip', 'ip6'].includes(family)) return false;
  return kind === 'rule' || (kind === 'chain' && body.hook === undefined);
}

function inContainer(ns: Netns): string[] {
  if (!ns.exists()) return [];
  return [
    ...links(ns).map((link) => `link ${link.ifname}`),
    ...addresses(ns).map((address) => `address ${address.cidr} dev ${address.dev}`),
    ...[4, 6].flatMap((family) => routes(ns, family as 4 | 6).map((route) => `route ${route.dst} dev ${route.dev}`)),
  ].filter((line) => !/ (lo|127\.0\.0\.1\/8 dev lo|::1\/128 dev lo|::1 dev lo)$/.test(line));
}
