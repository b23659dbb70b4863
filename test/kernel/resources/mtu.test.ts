/** The MTU that attachments inherit. */

import { expect, test } from 'bun:test';
import type { Connection } from '../../../src/netlink/connection.ts';
import { ensureBridge, findBridge } from '../../../src/resources/bridge/bridge-link.ts';
import { inheritedMtu } from '../../../src/resources/bridge/mtu.ts';
import { describeNeeding } from '../../support/feature.ts';
import { createNetns, ipBatch, type Netns } from '../../support/netns.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import type { Feature } from '../../support/skipped.ts';
import { withRoute } from '../support/inside.ts';

/** Two uplinks that are up, with addresses: eth0 of 1400 bytes, eth1 of 9000. */
function createUplinks(): Netns {
  const ns = createNetns();
  const uplink = (
    name: string,
    mtu: number,
    net: number,
  ) => `link add ${name} mtu ${mtu} up type veth peer name ${name}p mtu ${mtu}
    link set ${name}p up
    address add 10.${net}.0.1/24 dev ${name}
    address add fd00:${net}::1/64 dev ${name} nodad`;
  ipBatch(ns, `link set lo up\n ${uplink('eth0', 1400, 1)}\n ${uplink('eth1', 9000, 2)}`);
  return ns;
}

/** For a bridge that is not there yet. */
const uplinkMtu = (connection: Connection) => inheritedMtu(connection, undefined).value;

const VIA_0 = 'default via 10.1.0.9 dev eth0';
const VIA_1 = 'default via 10.2.0.9 dev eth1';

describeOnKernel('the MTU', () => {
  test.each([
    ['of the default route’s interface', [VIA_1], 9000],
    ['of the better of two', [`${VIA_1} metric 20`, `${VIA_0} metric 10`], 1400],
    ['of the IPv6 default route, where there is no other', ['default via fd00:1::9 dev eth0'], 1400],
    ['of the IPv4 one before the IPv6 one', ['default via fd00:1::9 dev eth0', VIA_1], 9000],
    ['of a default route in two halves', ['0.0.0.0/1 dev eth0', '128.0.0.0/1 dev eth0'], 1400],
    ['of none, where there is no default route', [], undefined],
    ['of none, where there are but routes to somewhere', ['10.9.0.0/16 via 10.1.0.9 dev eth0'], undefined],
    ['of none, where the default route forbids', ['prohibit default', 'unreachable default metric 99'], undefined],
  ] as const)('%s', (_, routes, expected) => {
    using ns = createUplinks();
    for (const route of routes) ipBatch(ns, `route add ${route}`);
    expect(withRoute(ns, uplinkMtu)).toBe(expected as number);
  });

  test('of none, in a namespace where nothing is up', () => {
    using ns = createNetns();
    expect(withRoute(ns, uplinkMtu)).toBeUndefined();
  });
});

describeOnKernel('the MTU on a bridge that is there', () => {
  const OTHERS = `link add lan mtu 1450 type veth peer name lanp
    link set lan master cni0`;
  const OURS = `${OTHERS}\n link set lan alias trestle:pods/abc/eth0`;
  const inherited = (ns: Netns) =>
    withRoute(ns, (connection) => inheritedMtu(connection, findBridge(connection, 'cni0')));

  for (const default6 of [VIA_1, 'default via fd00:2::9 dev eth1']) {
    test.each([
      ['with a port of somebody else is the bridge’s', OTHERS, { value: 1450, from: 'bridge', bridge: 'cni0' }],
      ['with ports of ours alone is the uplink’s', OURS, { value: 9000, from: 'uplink' }],
      ['without ports is the uplink’s', '', { value: 9000, from: 'uplink' }],
    ] as const)(`%s: ${default6}`, (_, ports, expected) => {
      using ns = createUplinks();
      ipBatch(ns, `route add ${default6}\n link add cni0 type bridge\n ${ports}`);
      expect(inherited(ns)).toEqual(expected);
    });
  }

  test('with a port of somebody else is the bridge’s where there is no uplink', () => {
    using ns = createNetns();
    ipBatch(ns, `link add cni0 type bridge\n ${OTHERS}`);
    expect(inherited(ns)).toEqual({ value: 1450, from: 'bridge', bridge: 'cni0' });
  });

  test('that we made, and that somebody else plugged something into, is the bridge’s', () => {
    using ns = createUplinks();
    ipBatch(ns, `route add ${VIA_1}`);
    withRoute(ns, (connection) => ensureBridge(connection, undefined, { name: 'cni0', mtu: 9000, promiscuous: false }));
    ipBatch(ns, OTHERS);
    expect(inherited(ns)).toEqual({ value: 1450, from: 'bridge', bridge: 'cni0' });
  });
});

const UPLINKS: [Feature, string][] = [
  ['vlan', 'link add link eth1 name up0 type vlan id 5'],
  ['ipvlan', 'link add link eth1 name up0 type ipvlan mode l2'],
  ['dummy', 'link add up0 type dummy'],
];

for (const [feature, command] of UPLINKS) {
  describeNeeding(feature, `the MTU of an uplink of the kind ${feature}`, () => {
    test('is its own', () => {
      using ns = createUplinks();
      ipBatch(ns, `${command}\n link set up0 mtu 1330 up\n address add 10.3.0.1/24 dev up0`);
      ipBatch(ns, 'route add default via 10.3.0.9 dev up0');
      expect(withRoute(ns, uplinkMtu)).toBe(1330);
    });
  });
}

describeNeeding('vrf', 'a default route in a VRF', () => {
  test('is not the node’s', () => {
    using ns = createUplinks();
    ipBatch(
      ns,
      'link add red up type vrf table 10\n link set eth1 master red\n route add default via 10.2.0.9 vrf red',
    );
    expect(withRoute(ns, uplinkMtu)).toBeUndefined();
    ipBatch(ns, `route add ${VIA_0}`);
    expect(withRoute(ns, uplinkMtu)).toBe(1400);
  });
});
