/** Addresses that are unique on their link alone, which the kernel gives to each link. */

import { type Cidr, containsIp } from './cidr.ts';
import type { Ip } from './ip.ts';

/** fe80::/10 (RFC 4291) and 169.254.0.0/16 (RFC 3927). */
const LINK_LOCAL: readonly Cidr[] = [
  { ip: { family: 6, value: 0xfe80n << 112n }, prefix: 10 },
  { ip: { family: 4, value: 0xa9fe_0000n }, prefix: 16 },
];

export function isLinkLocal(ip: Ip): boolean {
  return LINK_LOCAL.some((network) => containsIp(network, ip));
}
