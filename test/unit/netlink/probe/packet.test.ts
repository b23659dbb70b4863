/** Probes and what answers them, as bytes. */

import { describe, expect, test } from 'bun:test';
import { type Ip, ipToBytes, parseIp } from '../../../../src/address/ip.ts';
import { concat } from '../../../../src/netlink/bytes.ts';
import { sightingOf } from '../../../../src/netlink/probe/answer.ts';
import { checksumOf } from '../../../../src/netlink/probe/icmp.ts';
import { encodeProbe, type Probe, type ProbeProtocol, protocolNumber } from '../../../../src/netlink/probe/packet.ts';

const ip = (text: string) => parseIp(text) as Ip;
const TOKEN = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const probeOf = (protocol: ProbeProtocol, family: 4 | 6): Probe => ({
  protocol,
  source: ip(family === 4 ? '10.1.0.2' : 'fd00::2'),
  destination: ip(family === 4 ? '203.0.113.1' : '2001:db8::1'),
  port: protocol === 'icmp' ? 0 : 443,
  id: 61_234,
  token: TOKEN,
});

/** A packet with its IP header, as the kernel would make it. */
function packet(from: Ip, to: Ip, protocol: number, rest: Uint8Array): Uint8Array {
  const header = new Uint8Array(from.family === 4 ? 20 : 40);
  header[0] = from.family === 4 ? 0x45 : 0x60;
  header[from.family === 4 ? 9 : 6] = protocol;
  header.set(ipToBytes(from), from.family === 4 ? 12 : 8);
  header.set(ipToBytes(to), from.family === 4 ? 16 : 24);
  return concat([header, rest]);
}

const EVERY = (['icmp', 'tcp', 'udp'] as const).flatMap((protocol) =>
  ([4, 6] as const).map((family) => [protocol, family] as const),
);

describe.each(EVERY)('%s over IPv%d', (protocol, family) => {
  const probe = probeOf(protocol, family);
  const { source, destination } = probe;
  const bytes = encodeProbe(probe);
  const number = protocolNumber(probe);

  test('has a checksum that adds up', () => {
    const pseudo = concat([
      ipToBytes(source),
      ipToBytes(destination),
      Uint8Array.of(bytes.length >> 8, bytes.length & 255, 0, number),
    ]);
    expect(checksumOf(protocol === 'icmp' && family === 4 ? bytes : concat([pseudo, bytes]))).toBe(0);
  });

  test('is known on its way, also with other addresses, and no other packet is', () => {
    expect(sightingOf(packet(source, destination, number, bytes), probe)?.kind).toBe('probe');
    expect(sightingOf(packet(destination, destination, number, bytes), probe)?.kind).toBe('probe');
    const other = { ...probe, token: Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 9), id: 61_235 };
    expect(sightingOf(packet(source, destination, number, encodeProbe(other)), probe)).toBeUndefined();
  });

  test('is known in an error that quotes it', () => {
    const [type, code] = family === 4 ? [3, 13] : [1, 1];
    const quoted = packet(source, destination, number, bytes.subarray(0, 16));
    const error = concat([Uint8Array.of(type, code, 0, 0, 0, 0, 0, 0), quoted]);
    expect(sightingOf(packet(destination, source, family === 4 ? 1 : 58, error), probe)).toEqual({
      kind: 'error',
      from: destination,
      to: source,
      error: { type, code },
    });
  });

  test('a packet that is cut anywhere does no harm', () => {
    const whole = packet(source, destination, number, bytes);
    for (let length = 0; length < whole.length; length++) sightingOf(whole.subarray(0, length), probe);
  });
});

test('SYN-ACK and reset are known by the number that they acknowledge', () => {
  const probe = probeOf('tcp', 4);
  const segment = (flags: number, last: number) =>
    packet(
      probe.destination,
      probe.source,
      6,
      Uint8Array.of(1, 187, 0, 0, 0, 0, 0, 0, 1, 2, 3, last, 0x50, flags, 0, 0, 0, 0, 0, 0),
    );
  expect(sightingOf(segment(0x12, 5), probe)?.kind).toBe('answer');
  expect(sightingOf(segment(0x14, 5), probe)?.kind).toBe('reset');
  expect(sightingOf(segment(0x12, 4), probe)).toBeUndefined();
});
