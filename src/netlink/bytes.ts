/** Reading and writing integers: width and byte order stand in the name. Netlink is in the host's order, little-endian
 * on both processors that we ship for; what comes from network headers is big-endian. */

export class Truncated extends Error {
  override readonly name = 'Truncated';
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Netlink aligns messages and attributes to four bytes. */
export function align4(length: number): number {
  return (length + 3) & ~3;
}

export function u8(value: number): Uint8Array {
  return Uint8Array.of(value);
}

export function u16le(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8);
}

export function u16be(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value);
}

export function u32le(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
}

export function u32be(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** UTF-8 with the NUL that the kernel's strings end in. */
export function cString(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}

export function readU8(bytes: Uint8Array, at = 0): number {
  return view(bytes, at, 1).getUint8(at);
}

export function readU16le(bytes: Uint8Array, at = 0): number {
  return view(bytes, at, 2).getUint16(at, true);
}

export function readU32le(bytes: Uint8Array, at = 0): number {
  return view(bytes, at, 4).getUint32(at, true);
}

export function readI32le(bytes: Uint8Array, at = 0): number {
  return view(bytes, at, 4).getInt32(at, true);
}

export function readU32be(bytes: Uint8Array, at = 0): number {
  return view(bytes, at, 4).getUint32(at, false);
}

/** Text up to the first NUL, or to the end. */
export function readCString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function view(bytes: Uint8Array, at: number, width: number): DataView {
  if (at + width > bytes.length) throw new Truncated(`${width} bytes wanted at ${at}, but there are ${bytes.length}`);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
