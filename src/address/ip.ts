/** An IP address as a family and a number, so that ranges are arithmetic. */

import { IPv6 } from 'ipaddr.js';

export type Family = 4 | 6;

export interface Ip {
  readonly family: Family;
  readonly value: bigint;
}

/** How many bits an address has. */
export const BITS: Record<Family, number> = { 4: 32, 6: 128 };

/**
 * Parses an address in its usual notation: four decimal parts for IPv4 (not the octal, hexadecimal or shortened forms
 * of inet_aton), RFC 4291 for IPv6 without a zone. An IPv4-mapped IPv6 address is the IPv4 address, as in Go's net.IP.
 * @returns undefined where the text is no address
 */
export function parseIp(text: string): Ip | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

/** The canonical text: dotted decimal, or RFC 5952. */
export function formatIp(ip: Ip): string {
  const bytes = [...ipToBytes(ip)];
  return ip.family === 4 ? bytes.join('.') : new IPv6(bytes).toRFC5952String();
}

/** Four or sixteen bytes in network order. */
export function ipToBytes(ip: Ip): Uint8Array {
  const bytes = new Uint8Array(BITS[ip.family] / 8);
  let rest = ip.value;
  for (let at = bytes.length - 1; at >= 0; at--) {
    bytes[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

/** The address of bytes in network order. @throws RangeError unless there are four or sixteen bytes */
export function ipFromBytes(bytes: ArrayLike<number>): Ip {
  if (bytes.length !== 4 && bytes.length !== 16) throw new RangeError(`${bytes.length} bytes are no IP address`);
  let value = 0n;
  for (let at = 0; at < bytes.length; at++) value = (value << 8n) | BigInt(bytes[at] as number);
  return { family: bytes.length === 4 ? 4 : 6, value };
}

export function sameIp(a: Ip, b: Ip): boolean {
  return a.family === b.family && a.value === b.value;
}

function parseIpv4(text: string): Ip | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    const number = Number(part);
    if (part.length > 3 || String(number) !== part || !(number >= 0 && number <= 255)) return undefined;
    value = value * 256 + number;
  }
  return { family: 4, value: BigInt(value) };
}

function parseIpv6(text: string): Ip | undefined {
  if (text.includes('%')) return undefined;
  try {
    const parsed = IPv6.parse(text);
    return ipFromBytes(parsed.isIPv4MappedAddress() ? parsed.toIPv4Address().toByteArray() : parsed.toByteArray());
  } catch {
    return undefined;
  }
}
