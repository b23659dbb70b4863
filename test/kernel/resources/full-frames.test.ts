/** Packets of the whole MTU between the node and a container, also after the bridge was without ports. */

import { expect, test } from 'bun:test';
import { gatewayKind } from '../../../src/resources/gateway/gateway.ts';
import { hostVethName } from '../../../src/resources/names.ts';
import { type Plan, resource } from '../../../src/resources/plan.ts';
import { untagged } from '../../../src/resources/vlan/vlan.ts';
import { vlanGatewayKind } from '../../../src/resources/vlan/vlan-gateway.ts';
import { describeNeeding } from '../../support/feature.ts';
import { link } from '../../support/kernel.ts';
import { exec, type Netns } from '../../support/netns.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { ping } from '../../support/traffic.ts';
import { OTHERS, OWN, type Place, placeFor, type Who } from '../support/walk.ts';
import { addressing, addressOf, addressText, bridge, gateway, port } from '../support/walk-values.ts';

const FAMILIES = [4, 6] as const;
const HEADERS = { 4: 28, 6: 48 } as const;

/** Fragments that a namespace has made. */
function fragmentsOf(ns: Netns): number {
  const [names = '', values = ''] = exec(ns, ['grep', '^Ip:', '/proc/net/snmp']).split('\n');
  const at = names.split(' ').indexOf('FragCreates');
  const [, of6] = /^Ip6FragCreates\s+(\d+)$/m.exec(exec(ns, ['cat', '/proc/net/snmp6'])) ?? [];
  return Number(values.split(' ')[at]) + Number(of6);
}

/** Whether echo requests of the whole MTU come to a container and back without fragments. */
function passes(place: Place, who: Who, mtu: number): boolean {
  const reached = FAMILIES.every((family) =>
    ping(place.node, addressText(family, who.host), { size: mtu - HEADERS[family] }),
  );
  return reached && fragmentsOf(place.node) === 0 && fragmentsOf(place.containerOf(who)) === 0;
}

const [NEXT] = OTHERS as [Who];

function onBridge(who: Who, mtu: number): Plan {
  return [bridge({ mtu }), gateway(who, FAMILIES), port(who, { mtu }), addressing(who, FAMILIES)];
}

function inVlan(who: Who, mtu: number): Plan {
  const membership = { vlans: [untagged(100)], keepDefault: false };
  const addresses = FAMILIES.map((family) => addressOf(family, 1));
  return [
    bridge({ mtu, vlanFiltering: true }),
    resource(vlanGatewayKind, { bridge: 'cni0', vlan: 100, keepDefault: false, mtu }),
    resource(gatewayKind, { bridge: 'cni0', vlan: 100, addresses, force: false, port: hostVethName(who) }),
    port(who, { mtu, vlans: membership }),
    addressing(who, FAMILIES),
  ];
}

describeOnKernel('packets of the whole MTU between the node and a container pass', () => {
  test.each([
    ['that we make', undefined],
    ['that another program made', 'ip link add cni0 type bridge'],
  ])('a bridge %s, before and after it was without ports', (_, made) => {
    using place = placeFor(made === undefined ? {} : { given: [made] });
    for (const [who, mtu] of [
      [OWN, 9000],
      [NEXT, 8000],
    ] as const) {
      const plan = onBridge(who, mtu);
      place.ensure(who, plan);
      expect([link(place.node, 'cni0')?.mtu, passes(place, who, mtu)]).toEqual([mtu, true]);
      place.remove(who, plan);
      expect(link(place.node, 'cni0')?.mtu).toBe(1500);
    }
  });
});

describeNeeding('vlan-filtering', 'packets of the whole MTU between the node and a container in a VLAN pass', () => {
  test.each([
    ['larger', 1500, 9000],
    ['smaller', 9000, 1500],
  ])('a gateway that is there for a network with another MTU, and now gets a %s one', (_, old, mtu) => {
    using place = placeFor({});
    const [before, after] = [inVlan(OWN, old), inVlan(NEXT, mtu)];
    place.ensure(OWN, before);
    expect(passes(place, OWN, old)).toBe(true);
    place.remove(OWN, before);
    place.ensure(NEXT, after);
    expect([link(place.node, 'cni0.100')?.mtu, passes(place, NEXT, mtu)]).toEqual([mtu, true]);
  });

  test('a gateway of two networks with different MTUs', () => {
    using place = placeFor({});
    place.ensure(OWN, inVlan(OWN, 9000));
    place.ensure(NEXT, inVlan(NEXT, 1500));
    expect(passes(place, OWN, 9000)).toBe(true);
  });
});
