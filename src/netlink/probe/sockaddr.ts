/** Addresses of sockets (struct sockaddr_in of netinet/in.h, struct sockaddr_in6). */

import { type Ip, ipToBytes } from '../../address/ip.ts';
import { pack } from '../bytes.ts';
import { AF_INET, AF_INET6 } from '../route/constants.ts';

/** The bytes for connect(2) and sendto(2). `link` is the interface of a link-local IPv6 address. */
export function encodeSocketAddress(ip: Ip, port = 0, link = 0): Uint8Array {
  const head = ip.family === 4 ? pack([2, AF_INET], [2, 0]) : pack([2, AF_INET6], [2, 0], [4, 0]);
  head[2] = port >>> 8; // in network order
  head[3] = port;
  const tail = ip.family === 4 ? pack([4, 0], [4, 0]) : pack([4, link]);
  const bytes = new Uint8Array(head.length + ipToBytes(ip).length + tail.length);
  bytes.set(head);
  bytes.set(ipToBytes(ip), head.length);
  bytes.set(tail, bytes.length - tail.length);
  return bytes;
}
