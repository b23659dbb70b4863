/** Who an accept is for, on bridges that filter by VLAN: this kernel's may not, so the links are told. */

import { describe, expect, test } from 'bun:test';
import { attrNest, attrText, attrU8, attrU32, decodeAttributes, textAt } from '../../../src/netlink/attribute.ts';
import { connect } from '../../../src/netlink/connection.ts';
import type { Message, OutgoingMessage } from '../../../src/netlink/message.ts';
import * as rt from '../../../src/netlink/route/constants.ts';
import { encodeLinkHeader, LINK_HEADER } from '../../../src/netlink/route/link.ts';
import { addPortVlans } from '../../../src/netlink/route/vlan.ts';
import { isUsed } from '../../../src/resources/forward-accept/users.ts';
import { untagged } from '../../../src/resources/vlan/vlan.ts';
import { ENODEV } from '../../../src/sys/errno.ts';
import { done, type FakeKernel, fakeKernel, verdict } from '../netlink/fake-kernel.ts';

const RTM_NEWLINK = 16;

interface FakeLink {
  readonly name: string;
  readonly kind: 'bridge' | 'veth';
  readonly filters?: boolean;
  /** By name, as the following. */
  readonly master?: string;
  readonly peer?: string;
  readonly vlan?: number;
}

/** A bridge with the gateway of VLAN 7, whose port is always up. */
const GATEWAY: readonly FakeLink[] = [
  { name: 'cni0', kind: 'bridge', filters: true },
  { name: 'cni0.7', kind: 'veth', peer: 'port7' },
  { name: 'port7', kind: 'veth', master: 'cni0', peer: 'cni0.7', vlan: 7 },
];
const CONTAINER: FakeLink = { name: 'vethab12', kind: 'veth', master: 'cni0' };
const PLAIN: readonly FakeLink[] = [{ name: 'cni0', kind: 'bridge' }];

function kernelWith(links: readonly FakeLink[]): FakeKernel {
  const indexOf = (name: string | undefined) => links.findIndex((link) => link.name === name) + 1;
  const messageOf = (link: FakeLink, { sequence }: Message, isBridgeDump: boolean): OutgoingMessage => {
    const family = isBridgeDump ? rt.AF_BRIDGE : rt.AF_UNSPEC;
    const vlans = isBridgeDump ? addPortVlans(0, link.vlan === undefined ? [] : [untagged(link.vlan)]).attributes : [];
    const info = [
      attrText(rt.IFLA_INFO_KIND, link.kind),
      attrNest(rt.IFLA_INFO_DATA, attrU8(rt.IFLA_BR_VLAN_FILTERING, link.filters ? 1 : 0)),
    ];
    return {
      type: RTM_NEWLINK,
      flags: 2,
      sequence,
      header: encodeLinkHeader({ family, index: indexOf(link.name), flags: rt.IFF_UP | rt.IFF_LOWER_UP }),
      attributes: [
        attrText(rt.IFLA_IFNAME, link.name),
        attrNest(rt.IFLA_LINKINFO, ...info),
        ...(link.master === undefined ? [] : [attrU32(rt.IFLA_MASTER, indexOf(link.master))]),
        ...(link.peer === undefined ? [] : [attrU32(rt.IFLA_LINK, indexOf(link.peer))]),
        ...vlans,
      ],
    };
  };
  return fakeKernel(([request]) => {
    const message = request as Message;
    const isDump = (message.flags & 0x300) === 0x300;
    if (isDump)
      return [[...links.map((link) => messageOf(link, message, message.payload[0] === rt.AF_BRIDGE)), done(message)]];
    const name = textAt(decodeAttributes(message.payload.subarray(LINK_HEADER)), rt.IFLA_IFNAME);
    const index = new DataView(message.payload.buffer, message.payload.byteOffset).getInt32(4, true);
    const link = links.find((one) => one.name === name || indexOf(one.name) === index);
    return [
      link === undefined
        ? [verdict(message, ENODEV)]
        : [{ ...messageOf(link, message, false), flags: 0 }, verdict(message)],
    ];
  });
}

const used = (links: readonly FakeLink[], name: string) => isUsed(connect(kernelWith(links)), name);

describe('what a bridge forwards', () => {
  test.each<[string, readonly FakeLink[], boolean]>([
    ['is for its ports', [...PLAIN, CONTAINER], true],
    ['is for nobody where there is no bridge', [CONTAINER], false],
    ['is for its containers beside the gateway of a VLAN', [...GATEWAY, CONTAINER], true],
    ['is not for the port of a VLAN’s gateway', GATEWAY, false],
  ])('%s', (_, links, expected) => {
    expect(used(links, 'cni0')).toBe(expected);
  });
});

describe('what the gateway of a VLAN forwards', () => {
  test.each<[string, readonly FakeLink[], boolean]>([
    ['is for the ports of the VLAN', [...GATEWAY, { ...CONTAINER, vlan: 7 }], true],
    ['is not for ports of others', [...GATEWAY, { ...CONTAINER, vlan: 8 }], false],
    ['is not for its own port', GATEWAY, false],
    ['is for nobody where there is no gateway', [...PLAIN, { ...CONTAINER, vlan: 7 }], false],
    [
      'is for nobody where something else has its name',
      [
        { name: 'cni0.7', kind: 'veth' },
        { ...CONTAINER, vlan: 7 },
      ],
      false,
    ],
  ])('%s', (_, links, expected) => {
    expect(used(links, 'cni0.7')).toBe(expected);
  });

  test('is that of a bridge with such a name, where it is one', () => {
    const bridge: FakeLink = { name: 'cni0.7', kind: 'bridge' };
    expect([used([bridge, { ...CONTAINER, master: 'cni0.7' }], 'cni0.7')]).toEqual([true]);
  });
});
