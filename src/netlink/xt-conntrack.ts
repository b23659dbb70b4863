/**
 * The match `conntrack` of iptables with `--ctstate` alone (linux/netfilter/xt_conntrack.h, struct xt_conntrack_mtinfo3):
 * 168 bytes, of which `match_flags`, `invert_flags` and `state_mask` say something. Numbers are in the host's order.
 */

import { pack, readU32le } from './bytes.ts';

export const CONNTRACK_REVISION = 3;
const SIZE = 168;
/** `match_flags` and `invert_flags` are the halves of one word, `state_mask` and `status_mask` those of the next. */
const AT_FLAGS = 146;
const AT_MASKS = AT_FLAGS + 4;
/** XT_CONNTRACK_STATE: the state is matched, nothing else, not inverted. */
const STATE_ALONE = 1;

/** XT_CONNTRACK_STATE_BIT of IP_CT_ESTABLISHED and IP_CT_RELATED, and XT_CONNTRACK_STATE_DNAT. */
const BITS = { ESTABLISHED: 1 << 1, RELATED: 1 << 2, DNAT: 1 << 7 } as const;
export type ConnectionState = keyof typeof BITS;

/** The bytes of a match that any of the states fulfils. */
export function encodeStateMatch(states: readonly ConnectionState[]): Uint8Array {
  const info = new Uint8Array(SIZE);
  info.set(pack([4, STATE_ALONE], [4, maskOf(states)]), AT_FLAGS);
  return info;
}

/** Whether these bytes match the states, and nothing else. */
export function isStateMatch(info: Uint8Array, states: readonly ConnectionState[]): boolean {
  if (info.length < AT_MASKS + 4) return false;
  return readU32le(info, AT_FLAGS) === STATE_ALONE && readU32le(info, AT_MASKS) === maskOf(states);
}

function maskOf(states: readonly ConnectionState[]): number {
  return states.reduce((mask, state) => mask | BITS[state], 0);
}
