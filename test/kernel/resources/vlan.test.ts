/** VLANs of bridge ports. */

import { expect, test } from 'bun:test';
import { findPortVlans, joinVlans, tagged, untagged, verifyVlanFilterable } from '../../../src/resources/vlan/vlan.ts';
import { faultOf } from '../../support/fault.ts';
import { describeNeeding, hasFeature } from '../../support/feature.ts';
import { link, links } from '../../support/kernel.ts';
import { createNetns, ipBatch } from '../../support/netns.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { withRoute } from '../support/inside.ts';
import { filteringBridge, onNode, vlansOf } from '../support/vlan.ts';

const NEEDED = 'vlan-filtering';

describeOnKernel('whether bridges filter by VLAN', () => {
  test('is found out without making one', () => {
    using ns = createNetns();
    const verify = () => withRoute(ns, verifyVlanFilterable);
    if (hasFeature(NEEDED)) expect(verify).not.toThrow();
    else expect(faultOf(verify)).toMatchObject({ kind: 'unsupported', message: expect.stringContaining('VLAN') });
    expect(links(ns).map(({ ifname }) => ifname)).toEqual(['lo']);
  });
});

describeNeeding(NEEDED, 'a port', () => {
  test('is in the VLANs that it joins, and in the one that it was born in where that is kept', () => {
    onNode((kernel, node) => {
      const bridge = filteringBridge(kernel);
      ipBatch(
        node,
        ['a', 'b', 'c'].map((name) => `link add name ${name} master cni0 type veth peer name ${name}p`).join('\n'),
      );
      const wanted = [untagged(100), tagged(200, 4094)];
      const join = (name: string, vlans: typeof wanted, keepDefault: boolean) => {
        joinVlans(kernel.route, link(node, name)?.ifindex as number, { vlans, keepDefault });
        return vlansOf(kernel, link(node, name));
      };
      expect(join('a', wanted, false)).toBe('100 (PVID, untagged), 200-4094');
      expect(join('b', wanted, true)).toBe('1 (untagged), 100 (PVID, untagged), 200-4094');
      expect(join('c', [], false)).toBe('1 (PVID, untagged)');
      expect(findPortVlans(kernel.route, bridge.index)).toEqual([untagged(1)]);
      expect(findPortVlans(kernel.route, 9999)).toEqual([]);
    });
  });

  test('may be in every other VLAN', () => {
    onNode((kernel, node) => {
      filteringBridge(kernel);
      ipBatch(node, 'link add name a master cni0 type veth peer name ap');
      const vlans = Array.from({ length: 2047 }, (_, at) => tagged(2 * at + 1, 2 * at + 1));
      joinVlans(kernel.route, link(node, 'a')?.ifindex as number, { vlans, keepDefault: false });
      expect(findPortVlans(kernel.route, link(node, 'a')?.ifindex as number)).toEqual(vlans);
    });
  });
});
