import { describe, expect, test } from 'bun:test';
import { parseMac } from '../../../../src/address/mac.ts';
import * as change from '../../../../src/netlink/route/link-change.ts';
import { bytesOf, headerIn, saidIn, sentFor } from '../fixture.ts';

const mac = (text: string) => parseMac(text) as Uint8Array;
const BRIDGE = { name: 'cni0', mac: mac('02:00:00:00:00:03') };
const HOST = { name: 'vhost', mac: mac('02:00:00:00:00:01'), bridge: 3 };
const CONTAINER = { name: 'eth0', mac: mac('02:00:00:00:00:02'), netnsFd: 4 };
const VETH = { host: { ...HOST, mtu: 1400 }, container: { ...CONTAINER, mtu: 1400 } };

describe('the bytes of', () => {
  test.each([
    ['create bridge', change.createBridge({ ...BRIDGE, mtu: 1400 })],
    ['create veth', change.createVeth(VETH)],
    ['set up by name', change.setLinkUp('cni0')],
    ['set up by index', change.setLinkUp(3)],
    ['alias', change.setLinkAlias('vhost', 'trestle:pods/abc/eth0')],
    ['no link-local address', change.withoutLinkLocal('vhost')],
    ['arp_notify', change.setArpNotify(3)],
    ['delete by name', change.deleteLink('vhost')],
    ['promiscuous', change.setLinkPromiscuous(3, true)],
    ['MTU', change.setLinkMtu(4, 9000)],
    ['bridge of a port', change.setLinkMaster(4, 2)],
    ['hairpin, by bridge', change.setBridgePort(5, { hairpin: true, isolated: false })],
    ['isolated, by bridge', change.setBridgePort(5, { hairpin: false, isolated: true })],
    ['delete by index, by ip', change.deleteLink(4)],
  ])('%s', (section, request) => {
    expect(sentFor(request)).toEqual(bytesOf('link-change', section));
  });
});

describe('the same as ip says is said by', () => {
  test.each(['create bridge', 'create veth', 'set up by index', 'promiscuous', 'MTU', 'bridge of a port'])(
    '%s',
    (section) => {
      expect(saidIn('link-change', section)).toEqual(saidIn('link-change', `${section}, by ip`));
      expect(headerIn('link-change', section)).toBe(headerIn('link-change', `${section}, by ip`));
    },
  );

  test.each(['alias', 'no link-local address'])('%s, but for the link being selected by name', (section) => {
    expect(saidIn('link-change', section, ['IFLA_IFNAME'])).toEqual(saidIn('link-change', `${section}, by ip`));
  });
});

describe('without an MTU', () => {
  test('a bridge has the kernel’s', () => {
    const wanted = saidIn('link-change', 'create bridge', ['IFLA_MTU']);
    expect(change.createBridge(BRIDGE).attributes).toHaveLength(wanted.length);
    expect(sentFor(change.createBridge(BRIDGE)).length).toBe(bytesOf('link-change', 'create bridge').length - 8);
  });

  test('both ends of a veth have', () => {
    const bare = sentFor(change.createVeth({ host: HOST, container: CONTAINER }));
    expect(bare.length).toBe(bytesOf('link-change', 'create veth').length - 16);
    expect(Buffer.from(bare).includes(Buffer.from([8, 0, 4, 0]))).toBe(false);
  });
});

test('what is done stands in the operation', () => {
  expect([
    change.createBridge(BRIDGE).operation,
    change.createVeth(VETH).operation,
    change.setLinkUp('cni0').operation,
    change.deleteLink('vhost').operation,
  ]).toEqual([
    'create the bridge cni0',
    'create the veth pair vhost and eth0',
    'set cni0 up',
    'delete the interface vhost',
  ]);
});
