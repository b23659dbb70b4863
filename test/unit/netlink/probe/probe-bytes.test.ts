/** Echo requests, the errors that quote them, and socket addresses, byte by byte. */

import { describe, expect, test } from 'bun:test';
import { parseIp } from '../../../../src/address/ip.ts';
import { parseTarget } from '../../../../src/cli/doctor/reach/targets.ts';
import { checksumOf, decodeIcmp, encodeEchoRequest } from '../../../../src/netlink/probe/icmp.ts';
import { encodeSocketAddress } from '../../../../src/netlink/probe/sockaddr.ts';
import { decodeNeighbour } from '../../../../src/netlink/route/neighbour-table.ts';

const KEY = { id: 0x1234, sequence: 0x0102 };
const ip = (text: string) => parseIp(text) ?? { family: 4 as const, value: 0n };
/** An IPv4 header of 20 bytes from 10.1.0.1 to 10.1.0.2 for ICMP. */
const IPV4 = [0x45, 0, 0, 60, 0, 0, 0, 0, 64, 1, 0, 0, 10, 1, 0, 1, 10, 1, 0, 2];

describe('echo requests', () => {
  test('IPv4: type 8, and a checksum that makes the sum of all words zero', () => {
    const bytes = encodeEchoRequest(4, KEY);
    expect([...bytes.subarray(0, 2)]).toEqual([8, 0]);
    expect([...bytes.subarray(4, 8)]).toEqual([0x12, 0x34, 0x01, 0x02]);
    expect(checksumOf(bytes)).toBe(0);
  });

  test('IPv6: type 128, and the checksum is left to the kernel', () => {
    expect([...encodeEchoRequest(6, KEY).subarray(0, 8)]).toEqual([128, 0, 0, 0, 0x12, 0x34, 0x01, 0x02]);
  });

  test('the checksum of the example in RFC 1071', () => {
    expect(checksumOf(Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7))).toBe(~0xddf2 & 0xffff);
    expect(checksumOf(Uint8Array.of(0x01))).toBe(~0x0100 & 0xffff);
  });
});

describe('answers', () => {
  test('a reply, behind an IP header or alone', () => {
    const reply = encodeEchoRequest(4, KEY);
    reply[0] = 0;
    expect(decodeIcmp(4, Uint8Array.of(...IPV4, ...reply), true)).toEqual({ kind: 'reply', ...KEY });
    expect(decodeIcmp(4, reply, false)).toEqual({ kind: 'reply', ...KEY });
    expect(decodeIcmp(6, Uint8Array.of(129, 0, 0, 0, 0x12, 0x34, 1, 2), false)).toEqual({ kind: 'reply', ...KEY });
  });

  test('an error quotes the request', () => {
    const quoted = Uint8Array.of(...IPV4, 3, 13, 0, 0, 0, 0, 0, 0, ...IPV4, ...encodeEchoRequest(4, KEY));
    expect(decodeIcmp(4, quoted, true)).toEqual({ kind: 'error', from: ip('10.1.0.1'), type: 3, code: 13, ...KEY });
    const inner = [0x60, ...new Array<number>(39).fill(0), ...encodeEchoRequest(6, KEY)];
    const answer = decodeIcmp(6, Uint8Array.of(1, 1, 0, 0, 0, 0, 0, 0, ...inner), false);
    expect(answer).toEqual({ kind: 'error', from: undefined, type: 1, code: 1, ...KEY });
  });

  test('requests of others, neighbour discovery and stumps are none', () => {
    expect(decodeIcmp(4, Uint8Array.of(...IPV4, ...encodeEchoRequest(4, KEY)), true)).toBeUndefined();
    expect(decodeIcmp(6, Uint8Array.of(135, 0, 0, 0, 0, 0, 0, 0), false)).toBeUndefined();
    for (let length = 0; length < 28; length++) {
      expect(decodeIcmp(4, Uint8Array.of(...IPV4, 0, 0, 0, 0, 0, 0, 0, 0).subarray(0, length), true)).toBeUndefined();
    }
    expect(decodeIcmp(4, Uint8Array.of(3, 1, 0, 0, 0, 0, 0, 0, 0x45), false)).toBeUndefined();
  });
});

test('socket addresses', () => {
  expect([...encodeSocketAddress(ip('10.1.0.2'), 8080)]).toEqual([
    2, 0, 0x1f, 0x90, 10, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0,
  ]);
  const bytes = encodeSocketAddress(ip('fe80::1'), 80, 7);
  expect(bytes).toHaveLength(28);
  expect([...bytes.subarray(0, 10)]).toEqual([10, 0, 0, 80, 0, 0, 0, 0, 0xfe, 0x80]);
  expect([...bytes.subarray(23)]).toEqual([1, 7, 0, 0, 0]);
});

test('an entry of the neighbour table', () => {
  // struct ndmsg: AF_INET, padding, link 5, NUD_STALE, flags 0, RTN_UNICAST; NDA_DST; NDA_LLADDR.
  const head = [2, 0, 0, 0, 5, 0, 0, 0, 0x04, 0, 0, 1];
  const entry = Uint8Array.of(...head, 8, 0, 1, 0, 10, 1, 0, 2, 10, 0, 2, 0, 2, 0, 0, 0, 0, 9, 0, 0);
  expect(decodeNeighbour(entry)).toEqual({
    index: 5,
    ip: ip('10.1.0.2'),
    mac: Uint8Array.of(2, 0, 0, 0, 0, 9),
    state: 'stale',
  });
  expect(decodeNeighbour(Uint8Array.of(7, ...head.slice(1)))).toBeUndefined();
});

test('targets of probes', () => {
  expect(parseTarget('10.1.0.2')).toEqual({ ip: ip('10.1.0.2') });
  expect(parseTarget('10.1.0.2:80')).toEqual({ ip: ip('10.1.0.2'), port: 80 });
  expect(parseTarget('fd00::1')).toEqual({ ip: ip('fd00::1') });
  expect(parseTarget('[fd00::1]:443')).toEqual({ ip: ip('fd00::1'), port: 443 });
  for (const wrong of ['', 'web', '10.1.0.2:', '10.1.0.2:0', '10.1.0.2:70000', '[fd00::1]']) {
    expect(() => parseTarget(wrong)).toThrow('is no address');
  }
});
