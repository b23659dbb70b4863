/** What comes back for a probe, read from IP packets. */

import { type Ip, ipFromBytes } from '../../address/ip.ts';
import { sameBytes } from '../bytes.ts';
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from '../conntrack/flow.ts';
import { ECHO_REPLY, ECHO_REQUEST } from './icmp.ts';
import type { Probe } from './packet.ts';

/** A packet that has to do with the probe. */
export interface Sighting {
  /** The probe itself; its answer (echo reply, SYN-ACK, datagram); a reset; or an error message of ICMP that quotes the probe. */
  readonly kind: 'probe' | 'answer' | 'reset' | 'error';
  readonly from: Ip;
  readonly to: Ip;
  /** Type and code of the error. */
  readonly error?: { readonly type: number; readonly code: number };
}

/** Where addresses and the next header's number stand, and how long the header is. */
const LAYOUT = {
  4: { protocol: 9, source: 12, destination: 16, length: 20, size: 4 },
  6: { protocol: 6, source: 8, destination: 24, length: 40, size: 16 },
} as const;
/** Types of ICMP that quote a packet: unreachable, time exceeded, parameter problem; of ICMPv6 also "packet too big". */
const QUOTING = { 4: [3, 11, 12], 6: [1, 2, 3, 4] } as const;
const RST = 0x04;
const SYN_ACK = 0x12;

/** @returns undefined for a packet that has nothing to do with the probe, or is cut short */
export function sightingOf(packet: Uint8Array, probe: Probe): Sighting | undefined {
  const header = headerOf(packet);
  if (header === undefined) return undefined;
  const { family, protocol, from, to, rest } = header;
  const ends = { from, to };
  if (protocol === (family === 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
    const [type = 0, code = 0] = rest;
    if ((QUOTING[family] as readonly number[]).includes(type)) {
      const quoted = headerOf(rest.subarray(8));
      const isOurs = quoted !== undefined && isProbe(quoted.rest, quoted.protocol, probe, false);
      return isOurs ? { kind: 'error', ...ends, error: { type, code } } : undefined;
    }
    if (probe.protocol !== 'icmp' || !sameBytes(rest.subarray(8, 16), probe.token)) return undefined;
    if (type === ECHO_REPLY[family]) return { kind: 'answer', ...ends };
    return type === ECHO_REQUEST[family] ? { kind: 'probe', ...ends } : undefined;
  }
  if (isProbe(rest, protocol, probe, true)) return { kind: 'probe', ...ends };
  if (protocol === IPPROTO_TCP && probe.protocol === 'tcp') {
    const flags = (rest[13] ?? 0) & 0x3f;
    if (u32(rest, 8) !== (u32(probe.token, 0) + 1) >>> 0) return undefined;
    if ((flags & RST) !== 0) return { kind: 'reset', ...ends };
    return (flags & SYN_ACK) === SYN_ACK ? { kind: 'answer', ...ends } : undefined;
  }
  const isBack = protocol === IPPROTO_UDP && probe.protocol === 'udp' && u16(rest, 2) === probe.id;
  return isBack ? { kind: 'answer', ...ends } : undefined;
}

/** Whether the bytes behind an IP header are the probe's. An error need not quote more than eight of them. */
function isProbe(rest: Uint8Array, protocol: number, probe: Probe, isWhole: boolean): boolean {
  if (probe.protocol === 'tcp') return protocol === IPPROTO_TCP && u32(rest, 4) === u32(probe.token, 0);
  const isKind = protocol === IPPROTO_UDP ? probe.protocol === 'udp' : probe.protocol === 'icmp';
  if (!isKind || rest.length < 8) return false;
  if (rest.length >= 16 || isWhole) return sameBytes(rest.subarray(8, 16), probe.token);
  return probe.protocol === 'udp' || u16(rest, 4) === probe.id;
}

/** The IP header of a packet, and what stands behind it; extension headers of IPv6 are not followed. */
function headerOf(packet: Uint8Array) {
  const version = (packet[0] ?? 0) >> 4;
  const family = version === 4 || version === 6 ? version : undefined;
  if (family === undefined) return undefined;
  const { protocol, source, destination, length, size } = LAYOUT[family];
  const end = family === 4 ? ((packet[0] as number) & 0xf) * 4 : length;
  if (end < length || packet.length < end) return undefined;
  return {
    family,
    protocol: packet[protocol] as number,
    from: ipFromBytes(packet.subarray(source, source + size)),
    to: ipFromBytes(packet.subarray(destination, destination + size)),
    rest: packet.subarray(end),
  } as const;
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function u32(bytes: Uint8Array, at: number): number {
  return ((u16(bytes, at) << 16) | u16(bytes, at + 2)) >>> 0;
}
