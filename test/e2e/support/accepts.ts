/** The accept for the bridge of the usual network, and nodes whose iptables drops. */

import { describe } from 'bun:test';
import { FLAVOURS, type Flavour, iptables, savedRules } from '../../support/iptables.ts';
import { setSysctl } from '../../support/kernel.ts';
import type { Netns } from '../../support/netns.ts';
import { createNode, type ScratchNode } from '../../support/node.ts';
import { installDockerRules } from './docker.ts';
import { V4, V6 } from './network.ts';

export const FAMILIES = [4, 6] as const;
export const CHAIN = 'TRESTLE-FWD-cni0';
const ACCEPTS = [
  `-A ${CHAIN} -i cni0 -j ACCEPT`,
  `-A ${CHAIN} -o cni0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
  `-A ${CHAIN} -o cni0 -m conntrack --ctstate DNAT -j ACCEPT`,
];
/** The subnets of the usual network, each in its family. */
export const OPENINGS = [V4.subnet, V6.subnet].map((subnet) => `-A ${CHAIN} -d ${subnet} -o cni0 -j ACCEPT`);

/** A comment is nobody's business here. */
export const saved = (ns: Netns, flavour: Flavour, family: 4 | 6) =>
  savedRules(ns, flavour, family, 'filter').map((rule) => rule.replace(/ -m comment --comment ("[^"]*"|\S+)/, ''));
export const mine = (ns: Netns, flavour: Flavour) =>
  FAMILIES.map((family) => saved(ns, flavour, family).filter((rule) => rule.includes(CHAIN)));
export const accepted = (more: readonly string[] = []) =>
  FAMILIES.map((_, at) => [`:${CHAIN} -`, `-A FORWARD -j ${CHAIN}`, ...ACCEPTS, ...more.slice(at, at + 1)].sort());
export const sorted = (lists: readonly string[][]) => lists.map((list) => list.toSorted());

export function eachFlavour(body: (flavour: Flavour) => void): void {
  for (const flavour of FLAVOURS) describe(flavour, () => body(flavour));
}

/** A node whose bridged frames pass iptables too, and whose iptables drops. */
export function droppingNode(flavour: Flavour, docker: boolean): ScratchNode {
  const node = createNode({ outside: true });
  for (const name of ['iptables', 'ip6tables']) setSysctl(node.ns, `net/bridge/bridge-nf-call-${name}`, 1);
  if (docker) installDockerRules(node.ns, flavour);
  else iptables(node.ns, flavour, '-P', 'FORWARD', 'DROP');
  return node;
}
