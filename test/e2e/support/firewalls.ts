/** What programs that many nodes run put into iptables' filter table, as they write it, without the programs. */

import { type Flavour, iptables } from '../../support/iptables.ts';
import { exec, type Netns } from '../../support/netns.ts';
import { DOCKER_RULES } from './docker.ts';

export interface Firewall {
  readonly name: string;
  /** The table, as iptables-restore reads it. It drops what no rule accepts. */
  readonly rules: string;
  /** The chain that administrators put their rules into. */
  readonly chain: string;
  /** How many rules stay behind theirs. */
  readonly behind: number;
}

const table = (...lines: readonly string[]) => ['*filter', ...lines, 'COMMIT', ''].join('\n');
const withChains = (names: string, ...rules: readonly string[]) =>
  table(':FORWARD DROP [0:0]', ...names.split(' ').map((name) => `:${name} - [0:0]`), ...rules);

const UFW_CHAINS =
  'ufw-before-logging-forward ufw-before-forward ufw-after-forward ufw-after-logging-forward ufw-reject-forward ufw-track-forward ufw-user-forward';
const UFW_RULES = [
  ...'before-logging before after after-logging reject track'
    .split(' ')
    .map((name) => `-A FORWARD -j ufw-${name}-forward`),
  '-A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
  '-A ufw-before-forward -j ufw-user-forward',
  '-A ufw-after-logging-forward -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "[UFW BLOCK] "',
];
/** The chains of the reference plugin `firewall` with an ingress policy. */
const CNI_RULES = [
  '-A FORWARD -m comment --comment "CNI firewall plugin rules" -j CNI-ISOLATION-STAGE-1',
  '-A FORWARD -m comment --comment "CNI firewall plugin rules" -j CNI-FORWARD',
  '-A CNI-FORWARD -m comment --comment "CNI firewall plugin admin overrides" -j CNI-ADMIN',
  '-A CNI-ISOLATION-STAGE-1 -i br9 ! -o br9 -j CNI-ISOLATION-STAGE-2',
  '-A CNI-ISOLATION-STAGE-1 -j RETURN',
  '-A CNI-ISOLATION-STAGE-2 -o br9 -j DROP',
  '-A CNI-ISOLATION-STAGE-2 -j RETURN',
];
const CNI_CHAINS = 'CNI-ADMIN CNI-FORWARD CNI-ISOLATION-STAGE-1 CNI-ISOLATION-STAGE-2';
const KUBE_RULES = [
  '-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL',
  '-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD',
  '-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
  '-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP',
  '-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT',
  '-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
];

export const FIREWALLS: readonly Firewall[] = [
  { name: 'FORWARD, policy DROP', rules: table(':FORWARD DROP [0:0]'), chain: 'FORWARD', behind: 0 },
  { name: 'FORWARD, last REJECT', rules: table('-A FORWARD -j REJECT'), chain: 'FORWARD', behind: 1 },
  { name: 'DOCKER-USER', rules: DOCKER_RULES, chain: 'DOCKER-USER', behind: 0 },
  {
    name: 'DOCKER-USER, last RETURN',
    rules: DOCKER_RULES.replace('COMMIT', '-A DOCKER-USER -j RETURN\nCOMMIT'),
    chain: 'DOCKER-USER',
    behind: 1,
  },
  {
    name: 'DOCKER-USER, last DROP',
    rules: DOCKER_RULES.replace('COMMIT', '-A DOCKER-USER -j DROP\nCOMMIT'),
    chain: 'DOCKER-USER',
    behind: 1,
  },
  { name: 'CNI-ADMIN', rules: withChains(CNI_CHAINS, ...CNI_RULES), chain: 'CNI-ADMIN', behind: 0 },
  {
    name: 'CNI-ISOLATION-STAGE-1',
    rules: withChains(CNI_CHAINS, ...CNI_RULES),
    chain: 'CNI-ISOLATION-STAGE-1',
    behind: 1,
  },
  {
    name: 'KUBE-SERVICES',
    rules: withChains('KUBE-PROXY-FIREWALL KUBE-FORWARD KUBE-SERVICES', ...KUBE_RULES),
    chain: 'KUBE-SERVICES',
    behind: 0,
  },
  { name: 'ufw, DROP', rules: withChains(UFW_CHAINS, ...UFW_RULES), chain: 'ufw-user-forward', behind: 0 },
  {
    name: 'ufw, REJECT',
    rules: withChains(UFW_CHAINS, ...UFW_RULES, '-A ufw-reject-forward -j REJECT'),
    chain: 'ufw-user-forward',
    behind: 0,
  },
];

/** Loads the table in place of what is there, for IPv4 and IPv6. */
export function loadFirewall(ns: Netns, flavour: Flavour, { rules }: Firewall): void {
  for (const program of ['iptables', 'ip6tables']) exec(ns, [`${program}-${flavour}-restore`], { stdin: rules });
}

/** Puts a rule where an administrator would: last, but before the firewall's own last one. */
export function addRule(ns: Netns, flavour: Flavour, family: 4 | 6, firewall: Firewall, rule: string): void {
  addRules(ns, flavour, family, firewall, [rule]);
}

/** The same for several, which stand in their order. */
export function addRules(
  ns: Netns,
  flavour: Flavour,
  family: 4 | 6,
  { chain, behind }: Pick<Firewall, 'chain' | 'behind'>,
  rules: readonly string[],
): void {
  const program = `${family === 4 ? 'iptables' : 'ip6tables'}-${flavour}`;
  const count = () =>
    exec(ns, [program, '-S', chain])
      .split('\n')
      .filter((line) => line.startsWith('-A ')).length;
  const first = behind === 0 ? 0 : count() - behind + 1;
  const lines = rules.map((rule, at) => (behind === 0 ? `-A ${chain} ${rule}` : `-I ${chain} ${first + at} ${rule}`));
  exec(ns, [`${program}-restore`, '--noflush'], { stdin: table(...lines) });
}

/** Empties the chain of an administrator's rules, and leaves the firewall as it came. */
export function dropRules(
  ns: Netns,
  flavour: Flavour,
  rules: readonly (readonly [4 | 6, string])[],
  { chain }: Firewall,
): void {
  for (const [family, rule] of rules)
    exec(ns, [`${family === 4 ? 'iptables' : 'ip6tables'}-${flavour}`, '-D', chain, ...rule.split(' ')]);
}

/** An administrator's policy of the chain FORWARD. */
export function setPolicy(ns: Netns, flavour: Flavour, policy: 'ACCEPT' | 'DROP'): void {
  iptables(ns, flavour, '-P', 'FORWARD', policy);
}
