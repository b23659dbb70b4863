/** ICMP and ICMPv6 (RFC 792, RFC 4443): echo requests, their replies, and the errors that come in place of a reply. */

import { type Family, type Ip, ipFromBytes } from '../../address/ip.ts';

/** One echo request among those of a process. */
interface EchoKey {
  /** 16 bits; the kernel replaces it in a ping socket. */
  readonly id: number;
  /** 16 bits. */
  readonly sequence: number;
}

/** What came: a reply, or an error about a request of ours. */
export type IcmpAnswer =
  | ({ readonly kind: 'reply' } & EchoKey)
  | ({
      readonly kind: 'error';
      /** Where it is known, the host that sent the error. */
      readonly from: Ip | undefined;
      readonly code: number;
      readonly type: number;
    } & EchoKey);

/** Types of ICMP and ICMPv6. */
export const ECHO_REQUEST: Record<Family, number> = { 4: 8, 6: 128 };
export const ECHO_REPLY: Record<Family, number> = { 4: 0, 6: 129 };
/** Unreachable, time exceeded; of ICMPv6 also "packet too big". */
const ERRORS: Record<Family, readonly number[]> = { 4: [3, 11], 6: [1, 3, 2] };

/** Bytes of an ICMP header, and of the IPv6 header. */
const HEADER = 8;
const IPV6_HEADER = 40;
const PAYLOAD = 'trestle probe';

/** An echo request: type, code 0, checksum, identifier, sequence number, payload; all in network order. */
export function encodeEchoRequest(family: Family, { id, sequence }: EchoKey): Uint8Array {
  const bytes = new Uint8Array(HEADER + PAYLOAD.length);
  bytes[0] = ECHO_REQUEST[family];
  bytes.set([id >>> 8, id, sequence >>> 8, sequence], 4);
  for (let at = 0; at < PAYLOAD.length; at++) bytes[HEADER + at] = PAYLOAD.charCodeAt(at);
  // The kernel fills in the checksum of ICMPv6, which covers the addresses (RFC 3542, 3.1).
  if (family === 4) {
    const sum = checksumOf(bytes);
    bytes[2] = sum >>> 8;
    bytes[3] = sum;
  }
  return bytes;
}

/** The checksum of RFC 1071 over bytes in which the field of the checksum is zero. */
export function checksumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] as number) << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/**
 * Reads what a socket received: `hasIpHeader` for a raw IPv4 socket, whose datagrams begin with the IP header. @returns
 * undefined for what answers no echo request
 */
export function decodeIcmp(family: Family, datagram: Uint8Array, hasIpHeader: boolean): IcmpAnswer | undefined {
  const from = hasIpHeader ? sourceOf(datagram) : undefined;
  const message = hasIpHeader ? datagram.subarray(ipv4HeaderOf(datagram)) : datagram;
  const [type = -1, code = 0] = message;
  if (message.length < HEADER) return undefined;
  if (type === ECHO_REPLY[family]) return { kind: 'reply', ...keyIn(message) };
  if (!ERRORS[family].includes(type)) return undefined;
  // An error quotes the packet that it is about, from its IP header on.
  const quoted = message.subarray(HEADER);
  const inner = quoted.subarray(family === 4 ? ipv4HeaderOf(quoted) : IPV6_HEADER);
  if (inner.length < HEADER || inner[0] !== ECHO_REQUEST[family]) return undefined;
  return { kind: 'error', from, code, type, ...keyIn(inner) };
}

function keyIn(message: Uint8Array): EchoKey {
  const u16 = (at: number) => ((message[at] as number) << 8) | (message[at + 1] as number);
  return { id: u16(4), sequence: u16(6) };
}

/** The length of an IPv4 header, in its lower four bits, counts words of 4 bytes. */
function ipv4HeaderOf(packet: Uint8Array): number {
  return ((packet[0] ?? 0) & 0xf) * 4;
}

function sourceOf(packet: Uint8Array): Ip | undefined {
  return packet.length >= 20 ? ipFromBytes(packet.subarray(12, 16)) : undefined;
}
