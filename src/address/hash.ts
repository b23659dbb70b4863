/**
 * Stable names and MACs from identifiers: two lanes of FNV-1a (draft-eastlake-fnv), each finished as MurmurHash3 does
 * (public domain). It is no cryptographic hash and need be none, since network names and container IDs come from the
 * node's own root; node:crypto would add 3 ms to start-up.
 */

const PRIME = 0x01000193;
const BASES = [0x811c9dc5, 0x9747b28c] as const;

/** 64 bits as 16 hexadecimal digits. The parts are kept apart by a byte that no UTF-8 text contains. */
export function hashHex(...parts: readonly string[]): string {
  const encoder = new TextEncoder();
  let [high, low] = BASES as readonly [number, number];
  for (const part of parts) {
    for (const byte of encoder.encode(part)) {
      high = Math.imul(high ^ byte, PRIME);
      low = Math.imul(low ^ byte ^ (high >>> 24), PRIME);
    }
    high = Math.imul(high ^ 0xff, PRIME);
    low = Math.imul(low ^ 0xff, PRIME);
  }
  return hex(finish(high ^ low)) + hex(finish(low));
}

function finish(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0');
}
