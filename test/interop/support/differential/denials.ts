/** Rules by which an administrator denies what containers send, each with an address of the outside to itself. */

import { FIREWALLS, type Firewall } from '../../../e2e/support/firewalls.ts';
import { OUTSIDE_ADDRESS } from '../../../support/node.ts';

export type Family = 4 | 6;
export const FAMILIES: readonly Family[] = [4, 6];
export const PORT = 7777;
export const PODS = { 4: '10.89.0.0/24', 6: 'fd00:89::/64' } as const;

export interface Denial {
  readonly family: Family;
  readonly address: string;
  /** Without `-A CHAIN`. */
  readonly rule: string;
  /** The answers that it prevents, as `reached` names them. */
  readonly prevents: readonly string[];
}

const PROTOCOLS = ['icmp', 'tcp', 'udp'] as const;
type Protocol = (typeof PROTOCOLS)[number];

interface Way {
  readonly denies: readonly Protocol[];
  rule(family: Family, address: string): string;
}

/** As administrators write them by hand. */
const BY_HAND: readonly Way[] = [
  { denies: PROTOCOLS, rule: (family, to) => `-s ${PODS[family]} -d ${to} -j DROP` },
  { denies: PROTOCOLS, rule: (_, to) => `-d ${to} -m comment --comment "not there" -j REJECT` },
  { denies: ['tcp'], rule: (_, to) => `-d ${to} -p tcp -m tcp --dport ${PORT} -j DROP` },
  { denies: ['udp'], rule: (_, to) => `-d ${to} -p udp -m udp --dport ${PORT} -j REJECT` },
  { denies: ['icmp'], rule: (family, to) => `-d ${to} -p ${family === 4 ? 'icmp' : 'ipv6-icmp'} -j DROP` },
  { denies: PROTOCOLS, rule: (_, to) => `-i cni0 -o eth0 -d ${to} -j REJECT` },
  { denies: PROTOCOLS, rule: (_, to) => `-d ${to} -m conntrack --ctstate NEW -j DROP` },
];

/** As ufw 0.36 writes `ufw route deny` and `ufw route reject` to user.rules. */
const BY_UFW: readonly Way[] = [
  { denies: PROTOCOLS, rule: (family, to) => `-i cni0 -o eth0 -d ${to} -s ${PODS[family]} -j DROP` },
  { denies: PROTOCOLS, rule: (_, to) => `-d ${to} -j REJECT` },
  { denies: ['tcp'], rule: (_, to) => `-p tcp -d ${to} --dport ${PORT} -j REJECT --reject-with tcp-reset` },
  { denies: ['udp'], rule: (_, to) => `-p udp -d ${to} --dport ${PORT} -j DROP` },
];

/** As kube-proxy writes them: of services without endpoints, and of load balancers' source ranges. */
const forService = (protocol: Protocol, why: string, verdict: (family: Family) => string): Way => ({
  denies: [protocol],
  rule: (family, to) =>
    `-d ${to}/${family === 4 ? 32 : 128} -p ${protocol} -m comment --comment "default/web:http ${why}" -m ${protocol} --dport ${PORT} -j ${verdict(family)}`,
});
const unreachable = (family: Family) => `REJECT --reject-with icmp${family === 4 ? '' : '6'}-port-unreachable`;
const BY_KUBE_PROXY: readonly Way[] = [
  forService('tcp', 'has no endpoints', unreachable),
  forService('udp', 'has no endpoints', unreachable),
  forService('tcp', 'traffic not accepted by KUBE-FW-TQFAQFWIYWAEYDKO', () => 'DROP'),
  forService('udp', 'has no local endpoints', () => 'DROP'),
];

/** Those of the end-to-end tests, and kube-proxy's other chains. */
export const SUBJECTS: readonly Firewall[] = FIREWALLS.flatMap((firewall) =>
  firewall.chain === 'KUBE-SERVICES'
    ? [firewall, ...['KUBE-PROXY-FIREWALL', 'KUBE-FORWARD'].map((chain) => ({ ...firewall, name: chain, chain }))]
    : [firewall],
);

/** The rules for a firewall's chain, IPv4 and IPv6 in turn. */
export function denialsFor({ chain }: Pick<Firewall, 'chain'>): Denial[] {
  const ways = waysFor(chain);
  return ways.flatMap(({ denies, rule }, at) =>
    FAMILIES.map((family) => {
      const address = `${OUTSIDE_ADDRESS[family]}${at + 1}`;
      return {
        ...{ family, address, rule: rule(family, address) },
        prevents: denies.map((protocol) => `${protocol} ${address}`),
      };
    }),
  );
}

/** Everything that could answer: at the denied addresses, and at the outside's own, which nothing denies. */
export function answersOf(denials: readonly Denial[]): string[] {
  const addresses = [...Object.values(OUTSIDE_ADDRESS), ...denials.map(({ address }) => address)];
  return addresses.flatMap((address) => PROTOCOLS.map((protocol) => `${protocol} ${address}`)).sort();
}

function waysFor(chain: string): readonly Way[] {
  if (chain.startsWith('ufw')) return BY_UFW;
  return chain.startsWith('KUBE') && chain !== 'KUBE-FORWARD' ? BY_KUBE_PROXY : BY_HAND;
}
