/** A node with three containers, on which one call is struck down and others must put things right. */

import { FORWARDING, network, stopForwarding } from '../../e2e/support/network.ts';
import { type Artifact, artifacts } from '../../support/artifacts.ts';
import { type Outcome, succeeded } from '../../support/cni.ts';
import { addresses, links } from '../../support/kernel.ts';
import { type Leftovers, leftovers } from '../../support/leftovers.ts';
import { exec } from '../../support/netns.ts';
import { nftSnapshot } from '../../support/nft.ts';
import { type Container, createNode, type ScratchNode } from '../../support/node.ts';
import { type Runtime, runtime } from '../../support/runtime.ts';

export const EXECUTABLE = artifacts[0] as Artifact;

export interface Place extends Disposable {
  readonly node: ScratchNode;
  readonly pods: Runtime;
  /** The one that the struck call is about, one that is there all the time, and one that comes afterwards. */
  readonly victim: Container;
  readonly neighbour: Container;
  readonly newcomer: Container;
}

export function createPlace(): Place {
  const node = createNode();
  stopForwarding(node.ns);
  const [victim, neighbour, newcomer] = [node.container(), node.container(), node.container()];
  const pods = runtime(node, EXECUTABLE, network(node, { hairpinMode: true }));
  return { node, pods, victim, neighbour, newcomer, [Symbol.dispose]: () => node.delete() };
}

/** A command to be struck, what must be there before, and whether it wants a node on which nothing was ever done. */
export interface Verb {
  readonly name: 'ADD' | 'DEL' | 'CHECK' | 'GC';
  readonly onFreshNode: boolean;
  readonly before: readonly ('victim' | 'neighbour')[];
  call(place: Place, artifact: Artifact): Outcome;
}

export const VERBS: readonly Verb[] = [
  {
    name: 'ADD',
    onFreshNode: true,
    before: [],
    call: ({ pods, victim }, artifact) => pods.add(victim, { artifact }),
  },
  {
    name: 'DEL',
    onFreshNode: false,
    before: ['victim', 'neighbour'],
    call: ({ pods, victim }, artifact) => pods.del(victim, { artifact }),
  },
  {
    name: 'CHECK',
    onFreshNode: false,
    before: ['victim', 'neighbour'],
    call: ({ pods, victim }, artifact) => pods.check(victim, { artifact }),
  },
  {
    name: 'GC',
    onFreshNode: false,
    before: ['victim', 'neighbour'],
    call: ({ pods, neighbour }, artifact) => pods.gc([{ containerID: neighbour.id, ifname: 'eth0' }], { artifact }),
  },
];

export const NOTHING: Leftovers = { links: ['lo'], files: {}, elements: [], nat: [], containers: {} };

export function prepare(place: Place, verb: Verb): void {
  for (const who of verb.before) succeeded(place.pods.add(place[who]));
}

/** Attaches the newcomer, and looks whether it got all that it should. */
export function welcome({ pods, newcomer }: Place): void {
  succeeded(pods.add(newcomer));
  succeeded(pods.check(newcomer));
}

/** What stands for the network, and stays when its last container goes. */
export function standing({ ns }: ScratchNode): unknown {
  const bridges = links(ns, 'bridge').map(({ ifname, address, mtu, flags }) => [
    ...[ifname, address, mtu],
    flags.filter((flag) => ['UP', 'PROMISC'].includes(flag)),
  ]);
  const names = ['ipv6/conf/cni0/accept_ra', 'ipv6/conf/cni0/accept_dad', 'ipv6/conf/cni0/disable_ipv6'];
  const parameters = [...Object.values(FORWARDING), ...names.map((name) => `net/${name}`)];
  const values = exec(ns, ['tail', '-n', '+1', ...parameters.map((name) => `/proc/sys/${name}`)]);
  const rules = nftSnapshot(ns).map(({ kind, table, name, body: { elem: _, ...body } }) => [kind, table, name, body]);
  const gateways = addresses(ns, 'cni0').map(({ cidr, flags }) => [cidr, flags.filter((flag) => flag !== 'dynamic')]);
  return { bridges, values, rules, gateways };
}

export function left({ node }: Place): Leftovers {
  return leftovers(node);
}
