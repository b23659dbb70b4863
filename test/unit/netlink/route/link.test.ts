import { describe, expect, test } from 'bun:test';
import { formatMac } from '../../../../src/address/mac.ts';
import {
  acceptRaOf,
  decodeLink,
  encodeLinkHeader,
  getLink,
  isForwardingIpv6,
  listLinks,
} from '../../../../src/netlink/route/link.ts';
import { bytesOf, payloadOf, sentFor } from '../fixture.ts';
import { testHardiness } from '../hardiness.ts';

const IFLA_LINK_NETNSID = 37;

describe('a link', () => {
  test.each([
    ['link-bridge', { index: 3, name: 'cni0', kind: 'bridge', up: true, mac: '02:00:00:00:00:03', mtu: 1400 }],
    [
      'link-port',
      {
        ...{ index: 4, name: 'vhost', kind: 'veth', up: true, mac: '02:00:00:00:00:01', mtu: 1400 },
        ...{ master: 3, peer: 5, peerNetns: 0, alias: 'trestle:pods/abc/eth0' },
        port: { hairpin: true, isolated: true },
      },
    ],
    [
      'link-veth',
      {
        ...{ index: 5, name: 'eth0', kind: 'veth', up: true, mac: '02:00:00:00:00:02', mtu: 1400 },
        ...{ peer: 4, peerNetns: 0 },
      },
    ],
    ['link-lo', { index: 1, name: 'lo', up: false, mac: '00:00:00:00:00:00', mtu: 65536 }],
  ])('%s', (file, expected) => {
    const { mac, families, data, properties, ...link } = decodeLink(payloadOf(file));
    const absent = { kind: undefined, master: undefined, peer: undefined, alias: undefined, port: undefined };
    const inThisNetns = { peerNetns: undefined };
    expect({ ...link, mac: formatMac(mac) }).toEqual({
      ...absent,
      ...inThisNetns,
      promiscuous: false,
      carrier: expected.up,
      ...expected,
    });
  });

  test('of which the kernel says nothing has nothing', () => {
    const { name, mac, mtu, port } = decodeLink(payloadOf('link-port').subarray(0, 16));
    expect({ name, mac, mtu, port }).toEqual({ name: '', mac: new Uint8Array(6), mtu: 0, port: undefined });
  });

  test('has its flags apart', () => {
    const flagged = (flags: number) => {
      const payload = payloadOf('link-lo').slice();
      new DataView(payload.buffer).setUint32(8, flags, true);
      const { up, promiscuous, carrier } = decodeLink(payload);
      return [up, promiscuous, carrier];
    };
    expect([0, 1, 0x100, 0x10000, ~0x10101, 0xffffffff].map(flagged)).toEqual([
      [false, false, false],
      [true, false, false],
      [false, true, false],
      [false, false, true],
      [false, false, false],
      [true, true, true],
    ]);
  });

  test('whose port options are off, one by one', () => {
    const payload = payloadOf('link-port');
    expect(decodeLink(without(payload, [5, 0, 4, 0, 1])).port).toEqual({ hairpin: false, isolated: true });
    expect(decodeLink(without(payload, [5, 0, 0x21, 0, 1])).port).toEqual({ hairpin: true, isolated: false });
  });

  test('has its peer in the same netns where no other is named', () => {
    const payload = payloadOf('link-veth').slice();
    const at = Buffer.from(payload).indexOf(Buffer.from([8, 0, IFLA_LINK_NETNSID, 0]));
    payload[at + 2] = 0xfe;
    const { peer, peerNetns } = decodeLink(payload);
    expect([peer, peerNetns]).toEqual([4, undefined]);
  });
});

describe('whether a link takes router advertisements', () => {
  const bridge = payloadOf('link-bridge');

  test('is what the kernel has of accept_ra', () => {
    const values = [0, 1, 2].map((value) => {
      const payload = bridge.slice();
      payload[acceptRaAt(payload)] = value;
      return acceptRaOf(decodeLink(payload));
    });
    expect([acceptRaOf(decodeLink(bridge)), ...values]).toEqual([1, 0, 1, 2]);
  });

  test('is not known of one without IPv6, or without any family', () => {
    const families = Uint8Array.from([4, 0, 2, 0]);
    expect([acceptRaOf({ families }), acceptRaOf({ families: undefined })]).toEqual([undefined, undefined]);
  });
});

test('whether a link forwards IPv6 is what the kernel has of forwarding', () => {
  const payload = payloadOf('link-bridge').slice();
  const at = acceptRaAt(payload) - 3 * 4;
  const values = [0, 1].map((value) => {
    payload[at] = value;
    return isForwardingIpv6(decodeLink(payload));
  });
  expect([...values, isForwardingIpv6({ families: undefined })]).toEqual([false, true, false]);
});

/** Behind IFLA_INET6_CONF's header, forwarding, hop_limit and mtu. */
function acceptRaAt(payload: Uint8Array): number {
  return Buffer.from(payload).indexOf(Buffer.from([0xf4, 0, 2, 0])) + 4 + 3 * 4;
}

describe('decoding stands', () => {
  testHardiness(decodeLink, payloadOf('link-port'), 16, 12);
  testHardiness((payload) => acceptRaOf(decodeLink(payload)), payloadOf('link-port'), 16, 12);
});

test.each([
  ['by name', getLink('cni0')],
  ['by index', getLink(4)],
  ['all', listLinks()],
  ['ports', listLinks(3)],
])('asking for links: %s', (section, request) => {
  expect(sentFor(request)).toEqual(bytesOf('link-requests', section));
});

test('what is asked for stands in the operation', () => {
  expect([getLink('cni0').operation, getLink(4).operation, listLinks().operation]).toEqual([
    'find the interface cni0',
    'find the interface 4',
    'list the interfaces',
  ]);
});

test('the header has family, index, flags and which of them are meant', () => {
  const header = encodeLinkHeader({ family: 7, index: 0x01020304, flags: 0x1, change: 0xffffffff });
  expect(Buffer.from(header).toString('hex')).toBe('07000000' + '04030201' + '01000000' + 'ffffffff');
});

/** The last byte of the one place where `bytes` stand set to zero. */
function without(payload: Uint8Array, bytes: readonly number[]): Uint8Array {
  const changed = payload.slice();
  const at = Buffer.from(changed).indexOf(Buffer.from(bytes), Buffer.from(changed).indexOf('bridge'));
  changed[at + bytes.length - 1] = 0;
  return changed;
}
