/** The bytes of a probe: an echo request (RFC 792, 4443), a SYN (RFC 9293) or a datagram of UDP (RFC 768), known by a token. */

import { type Ip, ipToBytes } from '../../address/ip.ts';
import { concat } from '../bytes.ts';
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from '../conntrack/flow.ts';
import { checksumOf, ECHO_REQUEST } from './icmp.ts';

export type ProbeProtocol = 'icmp' | 'tcp' | 'udp';

/** A packet that can be told from all others, on its way and in what answers it. */
export interface Probe {
  readonly protocol: ProbeProtocol;
  readonly source: Ip;
  readonly destination: Ip;
  /** Of TCP and UDP; 0 with ICMP. */
  readonly port: number;
  /** A random number: the identifier of an echo, or the source port. */
  readonly id: number;
  /** Eight random bytes: payload of an echo or datagram; the first four are the sequence number of a SYN. */
  readonly token: Uint8Array;
}

/** Bytes of the payload of an echo request or datagram: the token, and zeros, as many as ping(8) sends. */
const PAYLOAD = 56;
const WINDOW = 64_240;
const SYN = 0x02;

/** IPPROTO_* of the probe. */
export function protocolNumber({ protocol, source: { family } }: Pick<Probe, 'protocol' | 'source'>): number {
  if (protocol === 'icmp') return family === 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
  return protocol === 'tcp' ? IPPROTO_TCP : IPPROTO_UDP;
}

/** The packet behind its IP header, with its checksum. */
export function encodeProbe(probe: Probe): Uint8Array {
  const { protocol, source, destination } = probe;
  const packet = concat([headerOf(probe), protocol === 'tcp' ? new Uint8Array() : payloadOf(probe)]);
  // ICMPv4 alone has no pseudo-header in its checksum.
  const isPlain = protocol === 'icmp' && source.family === 4;
  const pseudo = isPlain ? new Uint8Array() : pseudoHeader(source, destination, protocolNumber(probe), packet.length);
  const sum = checksumOf(concat([pseudo, packet]));
  const at = { icmp: 2, tcp: 16, udp: 6 }[protocol];
  // Zero would mean that a datagram has no checksum.
  putU16(packet, at, protocol === 'udp' && sum === 0 ? 0xffff : sum);
  return packet;
}

function headerOf({ protocol, source, port, id, token }: Probe): Uint8Array {
  const [high, low] = [id >> 8, id & 0xff];
  const [portHigh, portLow] = [port >> 8, port & 0xff];
  // Type, code, checksum, identifier, sequence number.
  if (protocol === 'icmp') return Uint8Array.of(ECHO_REQUEST[source.family], 0, 0, 0, high, low, 0, 1);
  const length = 8 + PAYLOAD;
  if (protocol === 'udp') return Uint8Array.of(high, low, portHigh, portLow, length >> 8, length & 0xff, 0, 0);
  const [a = 0, b = 0, c = 0, d = 0] = token;
  // Ports, sequence number, acknowledgement, length of 24 bytes, flags, window, checksum, urgent pointer, option MSS 1460.
  const fixed = [high, low, portHigh, portLow, a, b, c, d, 0, 0, 0, 0, 6 << 4, SYN, WINDOW >> 8, WINDOW & 0xff];
  return Uint8Array.of(...fixed, 0, 0, 0, 0, 2, 4, 1460 >> 8, 1460 & 0xff);
}

function payloadOf({ token }: Probe): Uint8Array {
  const payload = new Uint8Array(PAYLOAD);
  payload.set(token);
  return payload;
}

/** RFC 9293 for IPv4, RFC 8200 for IPv6; only the widths differ, and zeros do not count. */
function pseudoHeader(source: Ip, destination: Ip, protocol: number, length: number): Uint8Array {
  return concat([ipToBytes(source), ipToBytes(destination), Uint8Array.of(length >> 8, length & 0xff, 0, protocol)]);
}

function putU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value & 0xff;
}
