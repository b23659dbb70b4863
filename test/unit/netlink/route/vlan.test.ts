import { describe, expect, test } from 'bun:test';
import { parseMac } from '../../../../src/address/mac.ts';
import { filtersByVlan, setVlanFiltering } from '../../../../src/netlink/route/bridge.ts';
import { decodeLink } from '../../../../src/netlink/route/link.ts';
import { createBridge } from '../../../../src/netlink/route/link-change.ts';
import * as vlan from '../../../../src/netlink/route/vlan.ts';
import { bytesOf, headerIn, payloadOf, saidIn, sentFor } from '../fixture.ts';
import { testHardiness } from '../hardiness.ts';

const range = (first: number, last = first) => ({ first, last, pvid: false, untagged: false });
const access = (id: number) => ({ ...range(id), pvid: true, untagged: true });
const PORT = 4;
const BRIDGE = 2;

describe('the bytes of', () => {
  test.each([
    ['access', vlan.addPortVlans(PORT, [access(100)])],
    ['trunk', vlan.addPortVlans(PORT, [access(1), range(101), range(200, 210)])],
    ['clear', vlan.clearPortVlans(PORT)],
    ['remove', vlan.removePortVlan(PORT, 1)],
    ['filter', setVlanFiltering(BRIDGE, true)],
    [
      'create',
      createBridge({ name: 'cni0', mac: parseMac('02:00:00:00:00:03') as Uint8Array, mtu: 1400, vlanFiltering: true }),
    ],
    ['try', vlan.tryVlanFiltering()],
    ['list', vlan.listPortVlans()],
  ])('%s', (section, request) => {
    expect(sentFor(request)).toEqual(bytesOf('vlan', section));
  });
});

describe('the same as bridge and ip say is said by', () => {
  test.each(['access, by bridge', 'clear, by bridge', 'remove, by bridge', 'filter, by ip', 'list, by bridge'])(
    '%s',
    (theirs) => {
      const ours = theirs.split(',')[0] as string;
      expect(saidIn('vlan', ours)).toEqual(saidIn('vlan', theirs));
      expect(headerIn('vlan', ours)).toBe(headerIn('vlan', theirs));
    },
  );

  test('a bridge that is created, but for its name', () => {
    expect(saidIn('vlan', 'create', ['IFLA_IFNAME'])).toEqual(saidIn('vlan', 'create, by ip', ['IFLA_IFNAME']));
  });

  test('a range among others', () => {
    expect(saidIn('vlan', 'trunk')).toEqual(expect.arrayContaining(saidIn('vlan', 'range, by bridge')));
  });
});

describe('the VLANs of a port', () => {
  test('are as the kernel lists them, ranges too', () => {
    expect(vlan.decodePortVlans(payloadOf('vlan-ports', 'port'))).toEqual({
      index: PORT,
      vlans: [access(1), { ...range(100), untagged: true }, range(101), range(200, 210)],
    });
    expect(vlan.decodePortVlans(payloadOf('vlan-ports', 'bridge'))).toEqual({ index: BRIDGE, vlans: [access(1)] });
  });

  test('are none where nothing is said of them', () => {
    expect(vlan.decodePortVlans(payloadOf('link-port')).vlans).toEqual([]);
  });

  testHardiness(vlan.decodePortVlans, payloadOf('vlan-ports', 'port'), 16, 8);
});

test('a bridge filters by VLAN or does not', () => {
  expect(filtersByVlan(decodeLink(payloadOf('link-vlan-bridge')))).toBe(true);
  expect(filtersByVlan(decodeLink(payloadOf('link-bridge')))).toBe(false);
  expect(filtersByVlan(decodeLink(payloadOf('link-lo')))).toBe(false);
});
