/** An address with a prefix length; the host part is kept, so it serves for `10.1.0.5/16` and `10.1.0.0/16` alike. */

import { BITS, type Family, formatIp, type Ip, ipFromBytes, ipToBytes, parseIp, sameIp } from './ip.ts';

export interface Cidr {
  readonly ip: Ip;
  readonly prefix: number;
}

/**
 * The addresses that the kernel gives to each link, unique on that link alone: fe80::/10 (RFC 4291) and 169.254.0.0/16 (RFC
 * 3927).
 */
const LINK_LOCAL: readonly Cidr[] = [
  { ip: { family: 6, value: 0xfe80n << 112n }, prefix: 10 },
  { ip: { family: 4, value: 0xa9fe_0000n }, prefix: 16 },
];

/** Parses `address/length`. @returns undefined where the text is no address with a length */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.lastIndexOf('/');
  const length = text.slice(slash + 1);
  const ip = slash < 0 ? undefined : parseIp(text.slice(0, slash));
  if (ip === undefined || !/^(0|[1-9]\d{0,2})$/.test(length)) return undefined;
  const prefix = Number(length);
  return prefix <= BITS[ip.family] ? { ip, prefix } : undefined;
}

export function formatCidr(cidr: Cidr): string {
  return `${formatIp(cidr.ip)}/${cidr.prefix}`;
}

/** The network itself: the host bits cleared. */
export function networkOf(cidr: Cidr): Cidr {
  return { ip: { family: cidr.ip.family, value: firstValue(cidr) }, prefix: cidr.prefix };
}

/** The lowest address of the network, as a number. */
export function firstValue(cidr: Cidr): bigint {
  const hostBits = hostBitsOf(cidr);
  return (cidr.ip.value >> hostBits) << hostBits;
}

/** The highest address of the network, as a number (IPv4: its broadcast address). */
export function lastValue(cidr: Cidr): bigint {
  return firstValue(cidr) + (1n << hostBitsOf(cidr)) - 1n;
}

export function containsIp(cidr: Cidr, ip: Ip): boolean {
  return cidr.ip.family === ip.family && ip.value >= firstValue(cidr) && ip.value <= lastValue(cidr);
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return a.ip.family === b.ip.family && firstValue(a) <= lastValue(b) && firstValue(b) <= lastValue(a);
}

/** The same address with the same length. */
export function sameCidr(a: Cidr, b: Cidr): boolean {
  return a.prefix === b.prefix && sameIp(a.ip, b.ip);
}

/** `0.0.0.0/0` or `::/0`. */
export function defaultNetwork(family: Family): Cidr {
  return { ip: { family, value: 0n }, prefix: 0 };
}

/** The mask of a network, as many bytes as its addresses have. */
export function maskOf({ ip: { family }, prefix }: Cidr): Uint8Array {
  const hostBits = BigInt(BITS[family] - prefix);
  return ipToBytes({ family, value: ((1n << BigInt(BITS[family])) - 1n) & ~((1n << hostBits) - 1n) });
}

/**
 * The network of an address and a mask, 4 or 16 bytes each. @returns undefined where the mask is no prefix, or the address has
 * bits outside of it
 */
export function maskedNetwork(address: Uint8Array, mask: Uint8Array): Cidr | undefined {
  const ip = ipFromBytes(address);
  const { family, value } = ipFromBytes(mask);
  const text = value.toString(2);
  const ones = text.lastIndexOf('1') + 1;
  const isPrefix = value === 0n || (text.length === BITS[family] && !text.slice(0, ones).includes('0'));
  const cidr = { ip, prefix: ones };
  return isPrefix && sameCidr(cidr, networkOf(cidr)) ? cidr : undefined;
}

export function isLinkLocal(ip: Ip): boolean {
  return LINK_LOCAL.some((network) => containsIp(network, ip));
}

function hostBitsOf(cidr: Cidr): bigint {
  return BigInt(BITS[cidr.ip.family] - cidr.prefix);
}
