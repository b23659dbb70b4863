/**
 * FNV-1a, 64 bits (draft-eastlake-fnv): stable names and MACs from identifiers. It is no cryptographic hash and need
 * be none, since network names and container IDs come from the node's own root; node:crypto would add 3 ms to start-up.
 */

const OFFSET_BASIS = 0xcbf29ce484222325n;
const PRIME = 0x100000001b3n;
const MASK = 0xffffffffffffffffn;

/** Hashes the parts; they are kept apart by a byte that no UTF-8 text contains. */
export function hash64(...parts: string[]): bigint {
  let hash = OFFSET_BASIS;
  for (const part of parts) {
    for (const byte of new TextEncoder().encode(part)) hash = ((hash ^ BigInt(byte)) * PRIME) & MASK;
    hash = ((hash ^ 0xffn) * PRIME) & MASK;
  }
  return mix(hash);
}

/** FNV's high bits change little with the last bytes; the finalizer of MurmurHash3 (public domain) spreads them. */
function mix(hash: bigint): bigint {
  let h = hash;
  h = ((h ^ (h >> 33n)) * 0xff51afd7ed558ccdn) & MASK;
  h = ((h ^ (h >> 33n)) * 0xc4ceb9fe1a85ec53n) & MASK;
  return h ^ (h >> 33n);
}
