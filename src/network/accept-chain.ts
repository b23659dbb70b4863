/**
 * The accept for what a bridge forwards, as iptables shows it, in either flavour:
 *
 *   -A FORWARD -j TRESTLE-FWD-cni0          or in DOCKER-USER, where FORWARD leads there
 *   -A TRESTLE-FWD-cni0 -i cni0 -j ACCEPT
 *   -A TRESTLE-FWD-cni0 -o cni0 -j ACCEPT
 */

export const FORWARD = 'FORWARD';
/** Docker leaves this chain to the administrator, and comes by it before its own rules. */
export const DOCKER_USER = 'DOCKER-USER';
/** How many rules the chain has. */
export const RULES = 2;

/** At most 27 characters; iptables takes 28. */
export function acceptChain(bridge: string): string {
  return `TRESTLE-FWD-${bridge}`;
}
