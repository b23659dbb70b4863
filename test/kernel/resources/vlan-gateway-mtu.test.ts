/** The MTU of a VLAN's gateway; packets of that size are in full-frames.test.ts. */

import { expect, test } from 'bun:test';
import { ensureGatewayPair } from '../../../src/resources/vlan/gateway-pair.ts';
import { faultOf } from '../../support/fault.ts';
import { describeNeeding } from '../../support/feature.ts';
import { link, sysctl } from '../../support/kernel.ts';
import { exec, ipBatch, type Netns } from '../../support/netns.ts';
import { filteringBridge, onNode, portOf, RED } from '../support/vlan.ts';

function mtusOf(node: Netns): unknown[] {
  return [link(node, 'cni0.100')?.mtu, portOf(node)?.mtu];
}

describeNeeding('vlan-filtering', 'the gateway of a VLAN', () => {
  test('has the MTU of its network, also where the bridge has fallen back to the default', () => {
    onNode((kernel, node) => {
      const bridge = filteringBridge(kernel);
      ipBatch(node, 'link set cni0 mtu 1500');
      ensureGatewayPair(kernel, bridge, { ...RED, mtu: 1300 });
      expect(mtusOf(node)).toEqual([1300, 1300]);
    });
  });

  test.each([
    ['is raised', 1300, '', 1400, 1400],
    ['is raised, from below what IPv6 needs', 1000, '', 1400, 1400],
    ['is lowered', 9000, '', 1400, 1400],
    ['is lowered, with a larger port in another VLAN', 9000, 'mtu 9000 vid 200', 1400, 1400],
    ['stays, with a larger port in the VLAN', 9000, 'mtu 9000 vid 100', 1400, 9000],
    ['is raised, with a larger port in the VLAN', 1300, 'mtu 9000 vid 100', 1400, 1400],
    ['is the kernel’s default where none is asked for', 9000, '', undefined, 1500],
  ])('that is there has its MTU changed: it %s', (_, old, other, mtu, expected) => {
    onNode((kernel, node) => {
      const bridge = filteringBridge(kernel);
      ensureGatewayPair(kernel, bridge, { ...RED, mtu: old });
      const [, size, vid] = /mtu (\d+) vid (\d+)/.exec(other) ?? [];
      if (size !== undefined) {
        ipBatch(node, `link add name a mtu ${size} master cni0 type veth peer name ap`);
        exec(node, ['bridge', 'vlan', 'add', 'dev', 'a', 'vid', vid as string]);
      }
      const made = ensureGatewayPair(kernel, bridge, { ...RED, mtu });
      expect([made.mtu, ...mtusOf(node)]).toEqual([expected, expected, expected]);
      expect(sysctl(node, 'net/ipv6/conf/cni0.100/accept_ra')).toBe('0');
    });
  });

  test('keeps its MTU where it would lose an IPv6 address with less', () => {
    onNode((kernel, node) => {
      const bridge = filteringBridge(kernel);
      ensureGatewayPair(kernel, bridge, { ...RED, mtu: 1400 });
      ipBatch(node, 'address add fd00:1::1/64 dev cni0.100');
      const fault = faultOf(() => ensureGatewayPair(kernel, bridge, { ...RED, mtu: 1000 }));
      expect([fault.kind, fault.message]).toEqual(['conflict', expect.stringContaining('fd00:1::1/64 would go')]);
      expect(mtusOf(node)).toEqual([1400, 1400]);
    });
  });
});
