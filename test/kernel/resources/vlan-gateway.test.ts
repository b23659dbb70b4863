/** The gateway of a VLAN: how ADD makes it, and when DEL removes it. */

import { expect, test } from 'bun:test';
import { formatMac } from '../../../src/address/mac.ts';
import { RTM_NEWLINK } from '../../../src/netlink/route/constants.ts';
import { bridgeKind } from '../../../src/resources/bridge/bridge.ts';
import { isOwnBridge } from '../../../src/resources/bridge/bridge-link.ts';
import { bridgeMac } from '../../../src/resources/names.ts';
import { ensureGatewayPair } from '../../../src/resources/vlan/gateway-pair.ts';
import { joinVlans, untagged } from '../../../src/resources/vlan/vlan.ts';
import { vlanGatewayKind } from '../../../src/resources/vlan/vlan-gateway.ts';
import { faultOf } from '../../support/fault.ts';
import { describeNeeding } from '../../support/feature.ts';
import { cidrs, link, links, sysctl } from '../../support/kernel.ts';
import { exec, ipBatch } from '../../support/netns.ts';
import { before, spyOn } from '../support/spy.ts';
import { filteringBridge, onNode, portOf, RED, vlansOf } from '../support/vlan.ts';

describeNeeding('vlan-filtering', 'a VLAN’s gateway', () => {
  test('is one end of a pair, the other a port in that VLAN alone', () => {
    onNode((kernel, node) => {
      ensureGatewayPair(kernel, filteringBridge(kernel), { ...RED, mtu: 1400 });
      const gateway = link(node, 'cni0.100');
      expect(gateway).toMatchObject({ mtu: 1400, address: formatMac(bridgeMac('cni0.100')) });
      expect(gateway?.flags).toContain('UP');
      expect(['accept_ra', 'accept_dad'].map((key) => sysctl(node, `net/ipv6/conf/cni0.100/${key}`))).toEqual([
        '0',
        '0',
      ]);
      const port = portOf(node);
      expect([port?.master, port?.mtu, vlansOf(kernel, port)]).toEqual(['cni0', 1400, '100 (PVID, untagged)']);
      expect(cidrs(node, port?.ifname as string)).toEqual([]);
    });
  });

  test('is known by its alias, and its port has a MAC that no bridge takes for its own', () => {
    onNode((kernel, node) => {
      const bridge = filteringBridge(kernel);
      expect(isOwnBridge(ensureGatewayPair(kernel, bridge, RED))).toBe(true);
      for (const end of [link(node, 'cni0.100'), portOf(node)]) expect(end?.ifalias).toBe('trestle:gateway');
      expect(portOf(node)?.address).toStartWith('fe:');
    });
  });

  test.each([
    ['that we made', '', true],
    ['that another program made', 'link add cni0 type bridge', false],
  ])('goes with the last port of the VLAN, and so does the filtering, but on a bridge %s: %s', (_, made, stays) => {
    onNode((kernel, node) => {
      ipBatch(node, made);
      const wanted = { name: 'cni0', promiscuous: false, vlanFiltering: true, isGateway: true, isOthers: !stays };
      const gateway = { ...RED, bridge: 'cni0' };
      bridgeKind.ensure(kernel, wanted);
      vlanGatewayKind.ensure(kernel, gateway);
      ipBatch(
        node,
        'link add name port0 type veth peer name port1\n link set port0 master cni0 alias trestle:pods/abc/eth0',
      );
      joinVlans(kernel.route, link(node, 'port0')?.ifindex as number, { vlans: [untagged(100)], keepDefault: false });
      const leave = () => {
        vlanGatewayKind.remove?.(kernel, gateway);
        bridgeKind.remove?.(kernel, wanted);
        return [link(node, 'cni0.100') !== undefined, link(node, 'cni0')?.linkinfo?.info_data?.vlan_filtering];
      };
      expect(leave()).toEqual([true, 1]);
      ipBatch(node, 'link delete port0');
      expect(leave()).toEqual([stays, stays ? 1 : 0]);
      expect(exec(node, ['nft', 'list', 'ruleset']).includes('cni0.100')).toBe(stays);
    });
  });

  test.each([
    ['is gone', 'link delete cni0', false],
    ['has another name', 'link set cni0 down\n link set cni0 name br1', true],
  ])('whose bridge %s (%s) when a container is deleted stays: %s', (_, undoing, stays) => {
    onNode((kernel, node) => {
      filteringBridge(kernel);
      vlanGatewayKind.ensure(kernel, { ...RED, bridge: 'cni0' });
      ipBatch(node, undoing);
      vlanGatewayKind.remove?.(kernel, { ...RED, bridge: 'cni0' });
      expect(link(node, 'cni0.100') !== undefined).toBe(stays);
      expect(exec(node, ['nft', 'list', 'ruleset']).includes('cni0.100')).toBe(stays);
    });
  });

  test('keeps the default VLAN where it is to, and is the same each time', () => {
    onNode((kernel, node) => {
      const bridge = filteringBridge(kernel);
      const kept = { ...RED, keepDefault: true };
      const made = [1, 2, 3].map(() => ensureGatewayPair(kernel, bridge, kept).index);
      expect(new Set(made).size).toBe(1);
      expect(vlansOf(kernel, portOf(node))).toBe('1 (untagged), 100 (PVID, untagged)');
      expect(links(node, 'veth')).toHaveLength(2);
    });
  });

  test('that was left half made is finished', () => {
    onNode((kernel, node) => {
      const bridge = filteringBridge(kernel);
      ipBatch(node, 'link add cni0.100 type veth peer name half\n link set half master cni0');
      ensureGatewayPair(kernel, bridge, RED);
      expect(vlansOf(kernel, portOf(node))).toBe('100 (PVID, untagged)');
      for (const name of ['cni0.100', 'half']) expect(link(node, name)?.flags).toContain('UP');
    });
  });

  test('of VLAN 1 may be had too', () => {
    onNode((kernel, node) => {
      ensureGatewayPair(kernel, filteringBridge(kernel), { vlan: 1, keepDefault: false });
      expect(vlansOf(kernel, portOf(node, 'cni0.1'))).toBe('1 (PVID, untagged)');
    });
  });

  test('that another process makes between our look and our doing is used', () => {
    onNode((kernel, node) => {
      const bridge = filteringBridge(kernel);
      let others: number | undefined;
      const early = before(RTM_NEWLINK, () => {
        others = ensureGatewayPair(kernel, bridge, RED).index;
      });
      const ours = ensureGatewayPair({ ...kernel, route: spyOn(kernel.route, early) }, bridge, RED);
      expect(ours.index).toBe(others as number);
      expect(vlansOf(kernel, portOf(node))).toBe('100 (PVID, untagged)');
    });
  });

  test.each([
    ['a dummy', 'link add cni0.100 type dummy', 'cni0.100 exists and is a dummy'],
    ['a veth that leads elsewhere', 'link add cni0.100 type veth peer name p', 'a veth that does not lead there'],
  ])('is not %s', (_, command, what) => {
    onNode((kernel, node) => {
      const bridge = filteringBridge(kernel);
      ipBatch(node, command);
      const fault = faultOf(() => ensureGatewayPair(kernel, bridge, RED));
      expect([fault.kind, fault.message]).toEqual(['conflict', expect.stringContaining(what)]);
      expect(fault.details).toContain('Rename or remove cni0.100');
    });
  });

  test('cannot be made where the port’s name is taken', () => {
    onNode((kernel, node) => {
      const bridge = filteringBridge(kernel);
      ensureGatewayPair(kernel, bridge, RED);
      const port = portOf(node)?.ifname as string;
      ipBatch(node, `link delete cni0.100\n link add ${port} type dummy`);
      const fault = faultOf(() => ensureGatewayPair(kernel, bridge, RED));
      expect([fault.kind, fault.message]).toEqual([
        'conflict',
        `cannot create the VLAN gateway cni0.100: ${port} exists already`,
      ]);
      expect(exec(node, ['ip', '-br', 'link', 'show', 'type', 'veth'])).toBe('');
    });
  });
});
