/** The gateway of a VLAN after its port was taken off the bridge. Other changes are in walks/vlan-gateway.test.ts. */

import { expect, test } from 'bun:test';
import { bridgeKind } from '../../../src/resources/bridge/bridge.ts';
import { gatewayKind } from '../../../src/resources/gateway/gateway.ts';
import type { Node } from '../../../src/resources/node.ts';
import { vlanGatewayKind } from '../../../src/resources/vlan/vlan-gateway.ts';
import { faultOf } from '../../support/fault.ts';
import { describeNeeding } from '../../support/feature.ts';
import { cidrs, link } from '../../support/kernel.ts';
import { exec, ipBatch } from '../../support/netns.ts';
import { cidr } from '../support/values.ts';
import { onNode, portOf, RED, vlansOf } from '../support/vlan.ts';

const GATEWAY = cidr('10.1.0.1/24');

const LEADS_ELSEWHERE = 'the VLAN gateway cni0.100 does not lead to a port of cni0';

describeNeeding('vlan-filtering', 'a VLAN’s gateway without a port on its bridge', () => {
  const gateway = { bridge: 'cni0', vlan: 100, addresses: [GATEWAY], force: false, port: 'p' };
  /** All that ADD makes of it. */
  const ensure = (kernel: Node) => {
    bridgeKind.ensure(kernel, { name: 'cni0', promiscuous: false, vlanFiltering: true, isGateway: true });
    vlanGatewayKind.ensure(kernel, { ...RED, bridge: 'cni0' });
    gatewayKind.ensure(kernel, gateway);
  };
  /** What CHECK says of it. */
  const verify = (kernel: Node) =>
    vlanGatewayKind.verify(kernel, { ...RED, bridge: 'cni0' }) ?? gatewayKind.verify(kernel, gateway);

  test.each([
    ['the bridge was deleted', 'link delete cni0', 'the bridge cni0 is missing'],
    ['the port was taken off the bridge', 'link set PORT nomaster', LEADS_ELSEWHERE],
    [
      'the port was taken off and both ends lost their aliases',
      'link set PORT nomaster alias ""\n link set cni0.100 alias ""',
      LEADS_ELSEWHERE,
    ],
  ])('is put back by the next ADD, and keeps its addresses, after %s', (_, undoing, finding) => {
    onNode((kernel, node) => {
      ensure(kernel);
      const before = [link(node, 'cni0.100')?.ifindex, portOf(node)?.ifindex];
      ipBatch(node, undoing.replace('PORT', portOf(node)?.ifname as string));
      expect(verify(kernel)).toMatchObject({ message: finding, details: expect.stringContaining('DEL and ADD') });
      ensure(kernel);
      expect(verify(kernel)).toBeUndefined();
      expect([link(node, 'cni0.100')?.ifindex, portOf(node)?.ifindex]).toEqual(before);
      expect([portOf(node)?.master, vlansOf(kernel, portOf(node))]).toEqual(['cni0', '100 (PVID, untagged)']);
      expect(cidrs(node, 'cni0.100')).toEqual(['10.1.0.1/24']);
    });
  });

  test.each([
    ['whose port is on another bridge', 'link add br1 type bridge\n link set PORT master br1'],
    ['whose port has another name', 'link set PORT nomaster down\n link set PORT name mine'],
    ['whose port has another MAC and no alias', 'link set PORT nomaster alias "" address 02:00:00:00:00:01'],
    [
      'which has another MAC and no alias',
      'link set PORT nomaster\n link set cni0.100 alias "" address 02:00:00:00:00:01',
    ],
  ])('%s is found by CHECK, and refused by ADD', (_, undoing) => {
    onNode((kernel, node) => {
      ensure(kernel);
      ipBatch(node, undoing.replaceAll('PORT', portOf(node)?.ifname as string));
      const changed = portOf(node);
      expect(verify(kernel)).toMatchObject({
        message: LEADS_ELSEWHERE,
        details: expect.stringContaining('Rename or remove cni0.100'),
      });
      expect(faultOf(() => ensure(kernel)).message).toContain('a veth that does not lead there');
      expect([portOf(node)?.ifname, portOf(node)?.master]).toEqual([changed?.ifname, changed?.master]);
      exec(node, ['ip', 'link', 'delete', 'cni0.100']);
      ensure(kernel);
      expect(verify(kernel)).toBeUndefined();
    });
  });
});
