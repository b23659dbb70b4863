/**
 * Stable names and MACs from identifiers: two lanes of FNV-1a (draft-eastlake-fnv), each finished as MurmurHash3 does
 * (public domain). It is no cryptographic hash and need be none, since network names and container IDs come from the
 * node's own root.
 */

const PRIME = 0x01000193;
const BASES = [0x811c9dc5, 0x9747b28c] as const;

/** 64 bits as 16 hexadecimal digits. The parts are kept apart by a byte that no UTF-8 text contains. */
export function hashHex(...parts: readonly string[]): string {
  let [high, low] = BASES as readonly [number, number];
  for (const part of parts) {
    const bytes = utf8(part);
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] as number;
      high = Math.imul(high ^ byte, PRIME);
      low = Math.imul(low ^ byte ^ (high >>> 24), PRIME);
    }
    high = Math.imul(high ^ 0xff, PRIME);
    low = Math.imul(low ^ 0xff, PRIME);
  }
  return hex(finish(high ^ low)) + hex(finish(low));
}

/** MurmurHash3's finalizer (fmix32). */
function finish(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0');
}

/** UTF-8 as `encodeUtf8` of src/sys makes it. src/address imports nothing of src/sys. */
function utf8(text: string): number[] {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) bytes.push(unit);
    else {
      const code = text.codePointAt(at) as number;
      if (code > 0xffff) at++;
      bytes.push(...encoded(code >= 0xd800 && code < 0xe000 ? 0xfffd : code));
    }
  }
  return bytes;
}

/** The bytes of a code point above U+007F. */
function encoded(code: number): number[] {
  const last = 0x80 | (code & 0x3f);
  if (code < 0x800) return [0xc0 | (code >> 6), last];
  const third = 0x80 | ((code >> 6) & 0x3f);
  if (code < 0x10000) return [0xe0 | (code >> 12), third, last];
  return [0xf0 | (code >> 18), 0x80 | ((code >> 12) & 0x3f), third, last];
}
