/**
 * Reading and writing integers: width and byte order stand in the name. Netlink is in the host's order, little-endian on
 * both processors that we ship for; what comes from network headers is big-endian.
 */

import { decodeUtf8, encodeUtf8 } from '../sys/text.ts';

/** Bytes that end before what they are to hold. */
export class Truncated extends Error {
  override readonly name = 'Truncated';
}

/** A field of a C structure: its width in bytes, and its value, written in little-endian order. */
export type Field = readonly [width: 1 | 2 | 4, value: number];

/** The bytes of a packed C structure. */
export function pack(...fields: readonly Field[]): Uint8Array {
  let length = 0;
  for (const [width] of fields) length += width;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const [width, value] of fields) {
    for (let byte = 0; byte < width; byte++) bytes[at++] = value >>> (8 * byte);
  }
  return bytes;
}

/** Writes a number of four bytes. */
export function putU32le(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
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

/** UTF-8 with the NUL that the kernel's strings end in. */
export function cString(text: string): Uint8Array {
  return encodeUtf8(`${text}\0`);
}

/** Reads one byte. @throws Truncated where `at` is beyond the end; so do the functions below */
export function readU8(bytes: Uint8Array, at = 0): number {
  if (at + 1 > bytes.length) throw truncated(bytes, at, 1);
  return bytes[at] as number;
}

export function readU16le(bytes: Uint8Array, at = 0): number {
  if (at + 2 > bytes.length) throw truncated(bytes, at, 2);
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
}

export function readI32le(bytes: Uint8Array, at = 0): number {
  if (at + 4 > bytes.length) throw truncated(bytes, at, 4);
  const high = (bytes[at + 2] as number) | ((bytes[at + 3] as number) << 8);
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | (high << 16);
}

export function readU32le(bytes: Uint8Array, at = 0): number {
  return readI32le(bytes, at) >>> 0;
}

export function readU32be(bytes: Uint8Array, at = 0): number {
  if (at + 4 > bytes.length) throw truncated(bytes, at, 4);
  const low = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
  return (((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | low) >>> 0;
}

/** Text up to the first NUL, or to the end. */
export function readCString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decodeUtf8(end < 0 ? bytes : bytes.subarray(0, end));
}

function truncated(bytes: Uint8Array, at: number, width: number): Truncated {
  return new Truncated(`${width} bytes wanted at ${at}, but there are ${bytes.length}`);
}
