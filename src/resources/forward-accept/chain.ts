/**
 * The accept for what a bridge forwards, as iptables shows it, in either flavour. A rule that leads to the chain stands where
 * FORWARD would drop:
 *
 *   -A FORWARD -j TRESTLE-FWD-cni0
 *   -A TRESTLE-FWD-cni0 -i cni0 -j ACCEPT
 *   -A TRESTLE-FWD-cni0 -o cni0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
 *   -A TRESTLE-FWD-cni0 -o cni0 -m conntrack --ctstate DNAT -j ACCEPT
 *   -A TRESTLE-FWD-cni0 -d 10.88.0.0/16 -o cni0 -j ACCEPT
 *
 * Networks that share the bridge share the chain; the last rule stands for each subnet of a network whose mode is `open`.
 */

import { type Cidr, formatCidr, networkOf, overlaps } from '../../address/cidr.ts';
import type { Family } from '../../address/ip.ts';
import type { ConnectionState } from '../../netlink/xt-conntrack.ts';

/**
 * What is accepted. `auto`: connections that containers begin, the replies, what the node has destination-NATed to containers
 * (host ports), and what goes from the bridge to itself. `open`: new connections from outside to the subnets of the network,
 * too.
 */
export type ForwardMode = 'auto' | 'open';

/** What one network wants accepted on its bridge. `open` without subnets accepts all that goes out through the bridge. */
export interface Acceptance {
  readonly mode: ForwardMode;
  readonly subnets: readonly Cidr[];
}

/** One rule of the chain: packets that come in or go out through the bridge, of connections in one of the states. */
export interface Accept {
  readonly direction: 'in' | 'out';
  /** Empty: packets of every connection. */
  readonly states: readonly ConnectionState[];
  /** Undefined: packets to any address. */
  readonly destination?: Cidr | undefined;
}

export const FORWARD = 'FORWARD';

const PREFIX = 'TRESTLE-FWD-';

/** Connection states as the rules name them, a list for each rule. */
export const STATE_LISTS: readonly (readonly ConnectionState[])[] = [['RELATED', 'ESTABLISHED'], ['DNAT']];

const ALWAYS: readonly Accept[] = [
  { direction: 'in', states: [] },
  ...STATE_LISTS.map((states): Accept => ({ direction: 'out', states })),
];

/**
 * The rules of the chain for a network, and those of `found`, the rules that are there, that open other networks of the
 * bridge. A rule that opens a subnet which overlaps one of this network's subnets is left out, unless this network is open.
 */
export function acceptsFor(
  { mode, subnets }: Acceptance,
  family: Family,
  found: readonly (Accept | undefined)[] = [],
): readonly Accept[] {
  const own = subnets.filter(({ ip }) => ip.family === family).map(networkOf);
  const kept = found.filter((accept) => accept !== undefined && isOfOthers(accept, own)) as Accept[];
  return [...ALWAYS, ...(mode === 'open' ? openings(own) : []), ...kept];
}

/**
 * Whether the rules are the same in any order, which does not matter, since all of them accept. Undefined stands for a rule
 * that is no `Accept`.
 */
export function sameAccepts(found: readonly (Accept | undefined)[], wanted: readonly Accept[]): boolean {
  const texts = (accepts: readonly (Accept | undefined)[]) => accepts.map(textOf).sort().join('\n');
  return texts(found) === texts(wanted);
}

/** The name of the chain for a link, of at most 27 characters; iptables takes 28. */
export function acceptChain(link: string): string {
  return `${PREFIX}${link}`;
}

/** Whether a chain is the accept of any link: such a chain only accepts. */
export function isAcceptChain(chain: string): boolean {
  return chain.startsWith(PREFIX);
}

/** The bridge, or VLAN gateway, that an accept is for. */
export function acceptedLink(chain: string): string {
  return chain.slice(PREFIX.length);
}

function openings(subnets: readonly Cidr[]): Accept[] {
  const opening = (destination?: Cidr): Accept => ({ direction: 'out', states: [], destination });
  return subnets.length === 0 ? [opening()] : subnets.map(opening);
}

function isOfOthers({ direction, states, destination }: Accept, own: readonly Cidr[]): boolean {
  if (direction !== 'out' || states.length > 0 || destination === undefined) return false;
  return !own.some((subnet) => overlaps(subnet, destination));
}

function textOf(accept: Accept | undefined): string {
  if (accept === undefined) return '?';
  const { direction, states, destination } = accept;
  return [direction, states.toSorted().join(','), destination && formatCidr(destination)].join(' ');
}
