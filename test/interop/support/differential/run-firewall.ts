/** One firewall with rules that deny, and containers of one list of plugins: which packets get through. */

import { addRules, type Firewall, loadFirewall } from '../../../e2e/support/firewalls.ts';
import { ipam } from '../../../e2e/support/network.ts';
import type { Flavour } from '../../../support/iptables.ts';
import { setSysctl } from '../../../support/kernel.ts';
import { ipBatch, type Netns } from '../../../support/netns.ts';
import { createNode, type ScratchNode } from '../../../support/node.ts';
import { reached, sourceServer } from '../../../support/traffic.ts';
import { answersOf, type Denial, denialsFor, FAMILIES, PODS, PORT } from './denials.ts';
import { callsOf, type List, type PluginName } from './lists.ts';

export interface Passed {
  /** What answers the first container: half of the rules were there before it, half came after it, before the second one. */
  readonly first: readonly string[];
  readonly second: readonly string[];
  /** What answers a container that comes after the bridge was empty. */
  readonly third: readonly string[];
  /** Whether the first container answers the second, while bridged frames pass iptables. */
  readonly neighbour: readonly string[];
  /** Whether it answers the outside by its own address. */
  readonly inward: readonly string[];
}

/** Answers of the first container to echo requests. */
export const FIRST_ANSWERS = ['icmp 10.89.0.2', 'icmp fd00:89::2'];
const FIRST = FIRST_ANSWERS.map((answer) => answer.split(' ')[1] ?? '');

/** @param expected answers to wait for, of whatever container */
export async function passing(
  plugins: readonly PluginName[],
  flavour: Flavour,
  firewall: Firewall,
  expected: readonly string[],
): Promise<Passed> {
  using node = createNode({ outside: true, routesBack: Object.values(PODS) });
  const denials = denialsFor(firewall);
  using _ = await prepare(node, denials);
  loadFirewall(node.ns, flavour, firewall);
  const pods = callsOf(node, flavour, { name: 'pods', plugins: plugins.map((plugin) => settings(node, plugin)) });
  const [one, two, three] = [node.container(), node.container(), node.container()];
  const deny = (half: 0 | 1) => {
    for (const family of FAMILIES) {
      const rules = denials.filter((denial) => denial.family === family).map(({ rule }) => rule);
      addRules(
        node.ns,
        flavour,
        family,
        firewall,
        rules.filter((__, at) => at % 2 === half),
      );
    }
  };
  const answers = (from: Netns, addresses = addressesOf(denials)) => {
    const possible = expected.filter((answer) => addresses.includes(answer.split(' ')[1] ?? ''));
    return reached(from, addresses, { port: PORT, expected: possible });
  };
  deny(0);
  await pods.add(one);
  deny(1);
  await pods.add(two);
  const [first, second, neighbour, inward] = await Promise.all([
    ...[answers(one.ns), answers(two.ns)],
    ...[answers(two.ns, FIRST), answers(node.outside, FIRST)],
  ] as const);
  for (const container of [one, two]) await pods.del(container);
  await pods.add(three);
  return { first, second, third: await answers(three.ns), neighbour, inward };
}

/** Bridged frames pass iptables. Without duplicate address detection nothing has to wait for the reference's bridge. */
export function setUpNode({ ns }: ScratchNode): void {
  setSysctl(ns, 'net/ipv6/conf/default/accept_dad', 0);
  for (const name of ['iptables', 'ip6tables']) setSysctl(ns, `net/bridge/bridge-nf-call-${name}`, 1);
}

async function prepare(node: ScratchNode, denials: readonly Denial[]): Promise<Disposable> {
  setUpNode(node);
  const address = (to: string) => `address add ${to}${to.includes(':') ? '/64 nodad' : '/24'} dev eth0`;
  ipBatch(node.outside, denials.map(({ address: to }) => address(to)).join('\n'));
  return sourceServer(node.outside, PORT);
}

/** A plugin of a list, with what these tests give it. */
export function settings(
  node: ScratchNode,
  plugin: PluginName,
  { bridge = 'cni0', subnets = Object.values(PODS) as string[] } = {},
): List['plugins'][number] {
  if (plugin === 'firewall') return { plugin, config: { type: plugin, backend: 'iptables' } };
  const config = { type: plugin, bridge, isDefaultGateway: true, ipMasq: true };
  return { plugin, config: { ...config, ipam: ipam(node, subnets, { type: 'host-local' }) } };
}

function addressesOf(denials: readonly Denial[]): string[] {
  return [...new Set(answersOf(denials).map((answer) => answer.split(' ')[1] ?? ''))];
}
