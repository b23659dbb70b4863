/**
 * The accept for what a bridge forwards, as iptables shows it, in either flavour. A rule that leads to the chain stands where
 * FORWARD would drop:
 *
 *   -A FORWARD -j TRESTLE-FWD-cni0
 *   -A TRESTLE-FWD-cni0 -i cni0 -j ACCEPT
 *   -A TRESTLE-FWD-cni0 -o cni0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
 *   -A TRESTLE-FWD-cni0 -o cni0 -m conntrack --ctstate DNAT -j ACCEPT
 */

import type { ConnectionState } from '../../netlink/xt-conntrack.ts';

/**
 * What is accepted. `auto`: what containers begin, replies to it, what the node has destination-NATed to them (host ports),
 * and what goes from the bridge to itself. `open`: new connections from outside, too.
 */
export type ForwardMode = 'auto' | 'open';

/** One rule of the chain: packets that come in or go out through the bridge, of connections in one of the states. */
export interface Accept {
  readonly direction: 'in' | 'out';
  /** None: of every connection. */
  readonly states: readonly ConnectionState[];
}

export const FORWARD = 'FORWARD';

const ACCEPTS: Readonly<Record<ForwardMode, readonly Accept[]>> = {
  auto: [
    { direction: 'in', states: [] },
    { direction: 'out', states: ['RELATED', 'ESTABLISHED'] },
    { direction: 'out', states: ['DNAT'] },
  ],
  open: [
    { direction: 'in', states: [] },
    { direction: 'out', states: [] },
  ],
};

/** The rules of the chain, in their order. */
export function acceptsOf(mode: ForwardMode): readonly Accept[] {
  return ACCEPTS[mode];
}

const PREFIX = 'TRESTLE-FWD-';

/** At most 27 characters; iptables takes 28. */
export function acceptChain(bridge: string): string {
  return `${PREFIX}${bridge}`;
}

/** Whether a chain is the accept of some bridge: it only ever accepts. */
export function isAcceptChain(chain: string): boolean {
  return chain.startsWith(PREFIX);
}
