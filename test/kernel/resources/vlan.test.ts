/** VLANs of bridge ports and their gateways, step by step. */

import { expect, test } from 'bun:test';
import { formatMac } from '../../../src/address/mac.ts';
import { silentLog } from '../../../src/log.ts';
import { RTM_NEWLINK } from '../../../src/netlink/route/constants.ts';
import { bridgeKind } from '../../../src/resources/bridge/bridge.ts';
import { ensureBridge, findBridge, isOwnBridge } from '../../../src/resources/bridge/bridge-link.ts';
import { gatewayKind } from '../../../src/resources/gateway/gateway.ts';
import { bridgeMac } from '../../../src/resources/names.ts';
import { type Node, openNode } from '../../../src/resources/node.ts';
import { ensureGatewayPair } from '../../../src/resources/vlan/gateway-pair.ts';
import {
  findPortVlans,
  formatVlans,
  joinVlans,
  tagged,
  untagged,
  verifyVlanFilterable,
} from '../../../src/resources/vlan/vlan.ts';
import { vlanGatewayKind } from '../../../src/resources/vlan/vlan-gateway.ts';
import { faultOf } from '../../support/fault.ts';
import { describeNeeding, hasFeature } from '../../support/feature.ts';
import { cidrs, type Link, link, links, sysctl } from '../../support/kernel.ts';
import { createNetns, exec, ipBatch, type Netns } from '../../support/netns.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { inside, withRoute } from '../support/inside.ts';
import { before, spyOn } from '../support/spy.ts';
import { cidr } from '../support/values.ts';

const NEEDED = 'vlan-filtering';
const RED = { vlan: 100, keepDefault: false };

/** As ADD makes it. */
function filteringBridge({ route }: Node) {
  const settings = { name: 'cni0', mtu: 1400, promiscuous: false, vlanFiltering: true };
  return ensureBridge(route, findBridge(route, 'cni0'), settings);
}

/** Does something in a node's namespace. */
function onNode<T>(action: (kernel: Node, node: Netns) => T): T {
  using node = createNetns();
  return inside(node, () => {
    const kernel = openNode('', silentLog);
    try {
      return action(kernel, node);
    } finally {
      kernel.close();
    }
  });
}

function vlansOf({ route }: Node, port: Link | undefined): string {
  return formatVlans(findPortVlans(route, port?.ifindex as number));
}

/** The end of the gateway that is a port. */
function portOf(node: Netns, gateway = 'cni0.100'): Link | undefined {
  return link(node, String(link(node, gateway)?.link));
}

function mtusOf(node: Netns): unknown[] {
  return [link(node, 'cni0.100')?.mtu, portOf(node)?.mtu];
}

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

describeNeeding(NEEDED, 'a VLAN’s gateway', () => {
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
    ['that somebody else made', 'link add cni0 type bridge', false],
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

const GATEWAY = cidr('10.1.0.1/24');

const LEADS_ELSEWHERE = 'the VLAN gateway cni0.100 does not lead to a port of cni0';

const UNDONE: [string, string][] = [
  ['ip link delete cni0.100', 'the VLAN gateway cni0.100 is missing'],
  ['ip link set cni0.100 down', 'the VLAN gateway cni0.100 is down, expected up'],
  ['ip address flush dev cni0.100', 'the address 10.1.0.1/24 of the VLAN gateway cni0.100 is missing; it has none'],
  ['ip link set PORT down', 'the bridge port PORT of the VLAN gateway cni0.100 is down, expected up'],
  ['bridge vlan delete dev PORT vid 100', 'the VLANs of PORT are none, expected 100 (PVID, untagged)'],
  ['bridge vlan add dev PORT vid 100', 'the VLANs of PORT are 100, expected 100 (PVID, untagged)'],
  [
    'bridge vlan add dev PORT vid 1 untagged',
    'the VLANs of PORT are 1 (untagged), 100 (PVID, untagged), expected 100 (PV',
  ],
];

describeNeeding(NEEDED, 'what is off with a VLAN’s gateway', () => {
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

  test.each(UNDONE)('%s: is found, and put right by the next ADD', (undoing, finding) => {
    onNode((kernel, node) => {
      ensure(kernel);
      expect(verify(kernel)).toBeUndefined();
      const port = portOf(node)?.ifname as string;
      exec(node, undoing.replace('PORT', port).split(' '));
      const fault = verify(kernel);
      expect([fault?.kind, fault?.message]).toEqual(['check', expect.stringContaining(finding.replace('PORT', port))]);
      ensure(kernel);
      expect(verify(kernel)).toBeUndefined();
    });
  });

  test.each([
    ['the bridge was deleted', 'link delete cni0', 'the bridge cni0 is missing'],
    ['the port was taken off the bridge', 'link set PORT nomaster', LEADS_ELSEWHERE],
    ['it was, and has lost its alias', 'link set PORT nomaster alias ""\n link set cni0.100 alias ""', LEADS_ELSEWHERE],
  ])('the same pair goes on with its addresses after %s', (_, undoing, finding) => {
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
    ['with another MAC and no alias', 'link set PORT nomaster\n link set cni0.100 alias "" address 02:00:00:00:00:01'],
  ])('a pair %s is found, and stays as it is', (_, undoing) => {
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
