/** Netmasks: prefix lengths as the kernel's packet filters have them, a bit for each bit of an address. */

import { type Cidr, networkOf, sameCidr } from './cidr.ts';
import { BITS, ipFromBytes, ipToBytes } from './ip.ts';

/** The mask of a network, as long as its addresses are. */
export function maskOf({ ip: { family }, prefix }: Cidr): Uint8Array {
  const hostBits = BigInt(BITS[family] - prefix);
  return ipToBytes({ family, value: ((1n << BigInt(BITS[family])) - 1n) & ~((1n << hostBits) - 1n) });
}

/** The network of address and mask, 4 or 16 bytes each; undefined where the mask is no prefix, or the address goes beyond it. */
export function maskedNetwork(address: Uint8Array, mask: Uint8Array): Cidr | undefined {
  const ip = ipFromBytes(address);
  const { family, value } = ipFromBytes(mask);
  const text = value.toString(2);
  const ones = text.lastIndexOf('1') + 1;
  const isPrefix = value === 0n || (text.length === BITS[family] && !text.slice(0, ones).includes('0'));
  const cidr = { ip, prefix: ones };
  return isPrefix && sameCidr(cidr, networkOf(cidr)) ? cidr : undefined;
}
