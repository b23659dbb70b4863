/** The network that the end-to-end tests attach containers to, and what they ask the kernel about an attachment. */

import { describe } from 'bun:test';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eachArtifact, executable } from '../../support/artifacts.ts';
import { type Link, link, links, setSysctl } from '../../support/kernel.ts';
import type { Netns } from '../../support/netns.ts';
import { nftSnapshot } from '../../support/nft.ts';
import type { Container, ScratchNode } from '../../support/node.ts';
import { describeOnKernel } from '../../support/privilege.ts';

export type Config = Record<string, unknown>;

/** The first address that is handed out, the second one, and the gateway. */
export const V4 = { subnet: '10.89.0.0/24', gateway: '10.89.0.1', first: '10.89.0.2', second: '10.89.0.3' } as const;
export const V6 = { subnet: 'fd00:89::/64', gateway: 'fd00:89::1', first: 'fd00:89::2', second: 'fd00:89::3' } as const;

/** Tests on namespaces, for each artifact: `e2e('ADD', (artifact) => { … })`. */
export function e2e(name: string, body: Parameters<typeof eachArtifact>[0]): void {
  describeOnKernel(name, () => eachArtifact(body));
}

/**
 * Tests on namespaces of operator's commands that have many cases, on what runs on nodes. That the bundle on Node has the same
 * commands is seen by the tests of the others.
 */
export function e2eOnNodes(name: string, body: Parameters<typeof eachArtifact>[0]): void {
  describeOnKernel(name, () => describe(executable.name, () => body(executable)));
}

/** The usual network, dual stack and masqueraded, changed by `extra`. */
export function network(node: Pick<ScratchNode, 'dataDir'>, extra: Config = {}): Config {
  return {
    cniVersion: '1.1.0',
    name: 'pods',
    type: 'trestle',
    bridge: 'cni0',
    isDefaultGateway: true,
    ipMasq: true,
    ipam: ipam(node, [V4.subnet, V6.subnet]),
    ...extra,
  };
}

/** An `ipam` section with one range set for each subnet, or each range. */
export function ipam(node: Pick<ScratchNode, 'dataDir'>, ranges: (string | Config)[], extra: Config = {}): Config {
  const sets = ranges.map((range) => [typeof range === 'string' ? { subnet: range } : range]);
  return { type: 'trestle-ipam', dataDir: node.dataDir, ranges: sets, ...extra };
}

/** The sysctls that turn forwarding on. */
export const FORWARDING = { 4: 'net/ipv4/ip_forward', 6: 'net/ipv6/conf/all/forwarding' } as const;

/** A fresh namespace takes after the machine's own, where forwarding may be on. */
export function stopForwarding(ns: Netns): void {
  for (const name of Object.values(FORWARDING)) setSysctl(ns, name, 0);
}

/** A link that must be there. */
export function mustLink(ns: Netns, name: string): Link {
  const found = link(ns, name);
  if (found === undefined) throw new Error(`${ns.name} has no link ${name}`);
  return found;
}

/** The node's end of a container's interface, by what the kernel says of the pair. */
export function hostVeth(node: ScratchNode, container: Container, ifName = 'eth0'): Link {
  const inside = mustLink(container.ns, ifName);
  const outside = links(node.ns, 'veth').find(
    ({ ifindex, link_index }) => ifindex === inside.link_index && link_index === inside.ifindex,
  );
  if (outside === undefined) throw new Error(`no link of the node is the other end of ${ifName} of ${container.id}`);
  return outside;
}

/** Deletes a container's namespace, and waits until the kernel has removed the node's end of its interface too. */
export function loseNamespace(node: ScratchNode, container: Container): void {
  const { ifname } = hostVeth(node, container);
  container.ns.delete();
  for (let tries = 0; link(node.ns, ifname) !== undefined; tries++) {
    if (tries === 500) throw new Error(`${ifname} is still there, 5 s after its peer's namespace was deleted`);
    Bun.sleepSync(10);
  }
}

/**
 * Does it again, for at most 5 s, until it does not throw. For what depends on a namespace being dead: its inode number may
 * have passed to another one at once, in which a process runs, and then it does not count as dead.
 */
export function eventually(act: () => void): void {
  for (let tries = 1; ; tries++) {
    try {
      act();
      return;
    } catch (error) {
      if (tries === 50) throw error;
      Bun.sleepSync(100);
    }
  }
}

/** Up, with a carrier. The kernel says `operstate` and NO-CARRIER up to a second later. */
export function isUp({ flags }: Link): boolean {
  return flags.includes('UP') && flags.includes('LOWER_UP');
}

/** Links and packet filter of the node: what a call that changes nothing leaves exactly as it was. */
export function footprint(node: ScratchNode): unknown {
  const found = links(node.ns).map(({ ifname, address, flags, master, mtu }) => [
    ...[ifname, address, master, mtu],
    flags.filter((flag) => !['NO-CARRIER', 'LOWER_UP'].includes(flag)),
  ]);
  return { links: found, nft: nftSnapshot(node.ns) };
}

/** A lease of the usual network that says something else. A new file, since leases may be links to one and the same. */
export function replaceLease({ dataDir }: Pick<ScratchNode, 'dataDir'>, address: string, content: string): void {
  const path = join(dataDir, 'pods', address);
  rmSync(path);
  writeFileSync(path, content);
}
