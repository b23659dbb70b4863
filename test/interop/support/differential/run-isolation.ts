/** Two networks that nerdctl's own lists keep apart (`ingressPolicy: same-bridge`), where FORWARD drops: what gets through. */

import type { Config } from '../../../e2e/support/network.ts';
import { type Flavour, iptables } from '../../../support/iptables.ts';
import { type Container, createNode, OUTSIDE_ADDRESS, type ScratchNode } from '../../../support/node.ts';
import { reached } from '../../../support/traffic.ts';
import { type Calls, callsOf } from './lists.ts';
import { settings, setUpNode } from './run-firewall.ts';

/** When the policy of FORWARD becomes DROP. */
export const MOMENTS = ['before the first container', 'between the networks', 'after both, before the last'] as const;
export type Moment = (typeof MOMENTS)[number];

interface Network {
  readonly name: string;
  readonly bridge: string;
  readonly subnets: string[];
  readonly first: readonly string[];
}

const NETWORKS: readonly [Network, Network] = [
  { name: 'one', bridge: 'br1', subnets: ['10.89.0.0/24', 'fd00:89::/64'], first: ['10.89.0.2', 'fd00:89::2'] },
  { name: 'two', bridge: 'br2', subnets: ['10.90.0.0/24', 'fd00:90::/64'], first: ['10.90.0.2', 'fd00:90::2'] },
];
const OUTSIDE = Object.values(OUTSIDE_ADDRESS);
const EVERYTHING = [...NETWORKS.flatMap(({ first }) => first), ...OUTSIDE];

/** What the last container of a network reaches: the first one of its own, and the outside. */
export const KEPT_APART = NETWORKS.map(({ first }) => [...first, ...OUTSIDE].map((to) => `icmp ${to}`).sort());

/** What answers the last container of each network. */
export async function acrossNetworks(
  main: 'bridge' | 'trestle',
  flavour: Flavour,
  moment: Moment,
): Promise<string[][]> {
  using node = createNode({ outside: true });
  setUpNode(node);
  const drop = (now: Moment) => now === moment && iptables(node.ns, flavour, '-P', 'FORWARD', 'DROP');
  const [one, two] = NETWORKS.map((network) => listOf(node, flavour, main, network)) as [Calls, Calls];
  const attached = async (calls: Calls): Promise<Container> => {
    const container = node.container();
    await calls.add(container);
    return container;
  };
  drop(MOMENTS[0]);
  await attached(one);
  drop(MOMENTS[1]);
  await attached(two);
  drop(MOMENTS[2]);
  const last = [await attached(one), await attached(two)];
  return await Promise.all(last.map(({ ns }, at) => reached(ns, EVERYTHING, { expected: KEPT_APART[at] ?? [] })));
}

/** The list that nerdctl writes for a network, with that plugin in front. */
function listOf(node: ScratchNode, flavour: Flavour, main: 'bridge' | 'trestle', { name, ...network }: Network): Calls {
  const chained: readonly [plugin: 'portmap' | 'firewall' | 'tuning', config: Config][] = [
    ['portmap', { capabilities: { portMappings: true } }],
    ['firewall', { ingressPolicy: 'same-bridge' }],
    ['tuning', {}],
  ];
  const peers = chained.map(([plugin, config]) => ({ plugin, config: { type: plugin, ...config } }));
  return callsOf(node, flavour, { name, plugins: [settings(node, main, network), ...peers] });
}
