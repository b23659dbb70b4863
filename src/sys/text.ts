/** Text to bytes and back. */

import { runtime } from '#runtime';

/** Encodes UTF-8; a surrogate without its pair becomes U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  return runtime.encode(text);
}

/** Decodes UTF-8; malformed bytes become U+FFFD, and a byte order mark at the beginning is dropped. */
export function decodeUtf8(bytes: Uint8Array): string {
  return runtime.decode(bytes);
}

/** Decodes UTF-8 in several pieces, of `length` bytes together. */
export function decodePieces(pieces: readonly Uint8Array[], length: number): string {
  const [first] = pieces;
  if (first?.length === length) return decodeUtf8(first);
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return decodeUtf8(whole);
}

/** One character for each byte, U+0000 to U+00FF. */
export function decodeLatin1(bytes: Uint8Array): string {
  return runtime.latin1(bytes);
}
