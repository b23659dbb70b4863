/** VLANs: vlan, vlanTrunk, preserveDefaultVlan, and the gateway of a VLAN. */

import { expect, test } from 'bun:test';
import { type Artifact, reference } from '../support/artifacts.ts';
import { failed, succeeded } from '../support/cni.ts';
import { e2eNeeding, hasFeature } from '../support/feature.ts';
import { FLAVOURS, iptables, savedRules } from '../support/iptables.ts';
import { cidrs, links, setSysctl, sysctl } from '../support/kernel.ts';
import { leftovers } from '../support/leftovers.ts';
import { exec, ipBatch } from '../support/netns.ts';
import { type Container, createNode, NODE_ADDRESS, OUTSIDE_ADDRESS, type ScratchNode } from '../support/node.ts';
import { type Runtime, runtime } from '../support/runtime.ts';
import { ping, seenFrom, sourceServer } from '../support/traffic.ts';
import { type Config, e2e, hostVeth, ipam, mustLink, network, V4, V6 } from './support/network.ts';

const NEEDED = 'vlan-filtering';

/** A network of links without addresses. */
function wire(node: ScratchNode, artifact: Artifact, keys: Config): Runtime {
  const bare = { isDefaultGateway: false, ipMasq: false, ipam: { dataDir: node.dataDir } };
  return runtime(node, artifact, network(node, { ...bare, ...keys }));
}

/** A network with gateway, masqueraded, in a VLAN. */
function inVlan(node: ScratchNode, artifact: Artifact, vlan: number, keys: Config = {}): Runtime {
  const name = `vlan${vlan}`;
  return runtime(node, artifact, network(node, { name, vlan, ...keys }));
}

function attached(node: ScratchNode, pods: Runtime): Container {
  const container = node.container();
  succeeded(pods.add(container));
  return container;
}

/** `['100 PVID,Egress Untagged', '200-210']` */
function vlansOf(node: ScratchNode, dev: string): string[] {
  const shown = JSON.parse(exec(node.ns, ['bridge', '-j', '-compressvlans', 'vlan', 'show', 'dev', dev]));
  const { vlans } = shown[0] as { vlans: { vlan: number; vlanEnd?: number; flags?: string[] }[] };
  return vlans.map(({ vlan, vlanEnd, flags = [] }) => `${vlan}${vlanEnd ? `-${vlanEnd}` : ''} ${flags}`.trim());
}

function filtering(node: ScratchNode): unknown {
  return mustLink(node.ns, 'cni0').linkinfo?.info_data?.vlan_filtering;
}

/** What is left but for the VLAN’s gateway, which stays as the bridge does. */
function leftBehind(node: ScratchNode): unknown {
  const { links: names, elements, ...rest } = leftovers(node);
  const gateways = links(node.ns, 'veth').filter(({ ifname }) => ifname.startsWith('cni0.'));
  const standing = gateways.flatMap(({ ifname, link: port }) => [ifname, port]);
  const ofGateways = gateways.map(({ ifname }) => ifname);
  return {
    ...rest,
    elements: elements.filter(({ comment }) => !ofGateways.includes(comment ?? '')),
    links: names.filter((name) => !standing.includes(name)),
  };
}

/** Whether bridged frames go through the filter of routed packets. A kernel without br_netfilter knows no other way than not. */
function passFilter(node: ScratchNode, passes: boolean): void {
  for (const name of ['iptables', 'ip6tables']) {
    const path = `net/bridge/bridge-nf-call-${name}`;
    if (passes || sysctl(node.ns, path) !== undefined) setSysctl(node.ns, path, Number(passes));
  }
}

/** What kube-proxy makes of a service, for one backend. */
const SERVICE_ADDRESS = '10.96.0.1';
const SERVICE = `table ip service {
  chain prerouting { type nat hook prerouting priority dstnat; ip daddr ${SERVICE_ADDRESS} dnat to ${V4.second}; }
}
`;

const ACCESS = '100 PVID,Egress Untagged';
const NATIVE = '1 PVID,Egress Untagged';

const KEYS: [Config, string[], string, string][] = [
  [{ vlan: 100 }, [ACCESS], 'del dev PORT vid 100', 'none, expected 100 (PVID, untagged)'],
  [
    { vlan: 100, preserveDefaultVlan: true },
    ['1 Egress Untagged', ACCESS],
    'add dev PORT vid 100',
    '1 (untagged), 100, expected 100 (PVID, untagged)',
  ],
  [
    { vlanTrunk: [{ id: 101 }, { minID: 200, maxID: 210 }] },
    [NATIVE, '101', '200-210'],
    'del dev PORT vid 205',
    '1 (PVID, untagged), 101, 200-204, 206-210, expected 1 (PVID, untagged), 101, 200-210',
  ],
  [
    { vlan: 100, vlanTrunk: [{ minID: 100, maxID: 101 }] },
    [ACCESS, '101'],
    'add dev PORT vid 101 untagged',
    '100 (PVID, untagged), 101 (untagged), expected 100 (PVID, untagged), 101',
  ],
];

e2eNeeding(NEEDED, 'the VLANs of a port', (artifact) => {
  test.each(KEYS)('%j: as asked for, checked, and gone with the port', (keys, expected, undoing, found) => {
    using node = createNode();
    const pods = wire(node, artifact, keys);
    const container = attached(node, pods);
    const { ifname } = hostVeth(node, container);
    expect([filtering(node), vlansOf(node, ifname)]).toEqual([1, expected]);
    succeeded(pods.check(container));
    exec(node.ns, ['bridge', 'vlan', ...undoing.replace('PORT', ifname).split(' ')]);
    const error = failed(pods.check(container));
    expect([error.code, error.msg]).toEqual([105, expect.stringContaining(`the VLANs of ${ifname} are `)]);
    expect(error.msg).toContain(found);
    succeeded(pods.del(container));
    expect(leftovers(node)).toMatchObject({ links: ['lo'], files: {} });
  });

  test('are of no use where the bridge does not filter, which CHECK tells', () => {
    using node = createNode();
    const pods = wire(node, artifact, { vlanTrunk: [] });
    const container = attached(node, pods);
    expect([filtering(node), vlansOf(node, hostVeth(node, container).ifname)]).toEqual([1, [NATIVE]]);
    exec(node.ns, ['ip', 'link', 'set', 'cni0', 'type', 'bridge', 'vlan_filtering', '0']);
    expect(failed(pods.check(container))).toMatchObject({
      code: 105,
      msg: 'VLAN filtering of the bridge cni0 is off, expected on',
    });
    attached(node, pods);
    succeeded(pods.check(container));
  });

  test('are turned on at a bridge that is there, whose containers go on', () => {
    using node = createNode();
    const plain = runtime(node, artifact, network(node));
    const [one, two] = [attached(node, plain), attached(node, plain)];
    expect(filtering(node)).toBe(0);
    attached(node, wire(node, artifact, { name: 'wire', vlan: 100 }));
    expect(filtering(node)).toBe(1);
    for (const container of [one, two]) succeeded(plain.check(container));
    expect([ping(one.ns, V4.second), ping(one.ns, V6.gateway)]).toEqual([true, true]);
  });
});

e2eNeeding(NEEDED, 'traffic', (artifact) => {
  test('stays in its VLAN', () => {
    using node = createNode();
    const [red, blue] = [wire(node, artifact, { vlan: 100 }), wire(node, artifact, { name: 'blue', vlan: 200 })];
    const [first, second, other] = [attached(node, red), attached(node, red), attached(node, blue)];
    for (const [at, { ns }] of [first, second, other].entries()) {
      exec(ns, ['ip', 'address', 'add', `192.0.2.${at + 1}/24`, 'dev', 'eth0']);
    }
    expect(ping(first.ns, '192.0.2.2')).toBe(true);
    expect(ping(second.ns, '192.0.2.1')).toBe(true);
    expect(ping(first.ns, '192.0.2.3', { timeout: 1 })).toBe(false);
    expect(ping(other.ns, '192.0.2.2', { timeout: 1 })).toBe(false);
  });

  test('of a trunk is tagged', () => {
    using node = createNode();
    const trunk = attached(node, wire(node, artifact, { vlanTrunk: [{ minID: 100, maxID: 200 }] }));
    const access = attached(node, wire(node, artifact, { name: 'red', vlan: 150 }));
    ipBatch(trunk.ns, 'link add link eth0 name red up type vlan id 150\n address add 192.0.2.1/24 dev red');
    ipBatch(access.ns, 'address add 192.0.2.2/24 dev eth0');
    expect(ping(trunk.ns, '192.0.2.2')).toBe(true);
    ipBatch(trunk.ns, 'link delete red\n address add 192.0.2.1/24 dev eth0');
    expect(ping(trunk.ns, '192.0.2.2', { timeout: 1 })).toBe(false);
  });

  test.each([
    ['bridged frames are filtered by nobody', false, {}],
    ['they go through the filter of routed packets', true, {}],
    ['they do, and iptables masquerades', true, { ipMasqBackend: 'iptables' }],
  ])('of a VLAN goes through its gateway, to the outside and to other VLANs: %s', async (_, passes, keys) => {
    using node = createNode({ outside: true });
    passFilter(node, passes);
    const ranges = (third: number) => ({ ipam: ipam(node, [`10.${third}.0.0/24`, `fd00:${third}::/64`]), ...keys });
    const reds = inVlan(node, artifact, 100, ranges(100));
    const [red, other] = [attached(node, reds), attached(node, reds)];
    const blue = attached(node, inVlan(node, artifact, 200, ranges(200)));
    using server = await sourceServer(node.outside);
    for (const family of [4, 6] as const) {
      expect(ping(red.ns, OUTSIDE_ADDRESS[family])).toBe(true);
      for (const protocol of ['tcp', 'udp'] as const) {
        const target = { address: OUTSIDE_ADDRESS[family], port: server.port, protocol };
        expect([protocol, seenFrom(red.ns, target)]).toEqual([protocol, NODE_ADDRESS[family]]);
      }
    }
    expect(ping(other.ns, '10.100.0.2')).toBe(true);
    expect(ping(red.ns, '10.200.0.2')).toBe(true);
    expect(ping(blue.ns, 'fd00:100::2')).toBe(true);
    expect([cidrs(node.ns, 'cni0.100'), cidrs(node.ns, 'cni0.200'), cidrs(node.ns, 'cni0')]).toEqual([
      ['10.100.0.1/24', 'fd00:100::1/64'],
      ['10.200.0.1/24', 'fd00:200::1/64'],
      [],
    ]);
    succeeded(reds.check(red));
  });

  test('of a VLAN reaches a service of its own VLAN by another address', async () => {
    using node = createNode();
    passFilter(node, true);
    exec(node.ns, ['nft', '-f', '-'], { stdin: SERVICE });
    const reds = inVlan(node, artifact, 100);
    const [client, server] = [attached(node, reds), attached(node, reds)];
    using _ = await sourceServer(server.ns);
    for (const protocol of ['tcp', 'udp'] as const) {
      const target = { address: SERVICE_ADDRESS, port: 7777, protocol };
      expect([protocol, seenFrom(client.ns, target)]).toEqual([protocol, V4.first]);
    }
  });

  test.each(['', '.100'])('of a VLAN needs the accept for cni0%s where iptables drops', (accepted) => {
    using node = createNode({ outside: true });
    passFilter(node, true);
    iptables(node.ns, 'nft', '-P', 'FORWARD', 'DROP');
    const pods = inVlan(node, artifact, 100);
    const container = attached(node, pods);
    const outside = () =>
      ([4, 6] as const).map((family) => ping(container.ns, OUTSIDE_ADDRESS[family], { timeout: 1 }));
    expect(outside()).toEqual([true, true]);
    succeeded(pods.check(container));
    iptables(node.ns, 'nft', '-F', `TRESTLE-FWD-cni0${accepted}`);
    expect(outside()).toEqual([false, false]);
    const message = `TRESTLE-FWD-cni0${accepted} in iptables (nf_tables) does not hold the rules for it`;
    expect(failed(pods.check(container))).toMatchObject({ code: 105, msg: expect.stringContaining(message) });
    attached(node, pods);
    expect(outside()).toEqual([true, true]);
    succeeded(pods.check(container));
  });

  test.each(FLAVOURS)(
    'of a VLAN on a bridge that somebody else made: with the last one it is as it was (%s)',
    (flavour) => {
      using node = createNode({ outside: true });
      ipBatch(node.ns, 'link add cni0 up type bridge');
      iptables(node.ns, flavour, '-P', 'FORWARD', 'DROP');
      const filter = () => ([4, 6] as const).flatMap((family) => savedRules(node.ns, flavour, family, 'filter'));
      const found = () => [filtering(node), links(node.ns).map(({ ifname }) => ifname), filter()];
      const before = found();
      const pods = inVlan(node, artifact, 100);
      const [one, two] = [attached(node, pods), attached(node, pods)];
      expect(filtering(node)).toBe(1);
      expect(filter().join('\n')).toContain('TRESTLE-FWD-cni0.100');
      succeeded(pods.del(one));
      succeeded(pods.check(two));
      succeeded(pods.del(two));
      expect(found()).toEqual(before);
    },
  );

  test('of a VLAN that is tracked on the bridge is lost, which CHECK tells; the next ADD puts it right', async () => {
    using node = createNode({ outside: true });
    passFilter(node, true);
    const pods = inVlan(node, artifact, 100);
    const container = attached(node, pods);
    exec(node.ns, ['nft', 'delete', 'table', 'bridge', 'trestle']);
    using server = await sourceServer(node.outside);
    const target = { address: OUTSIDE_ADDRESS[4], port: server.port, protocol: 'udp' } as const;
    expect(seenFrom(container.ns, target, 1)).toBeUndefined();
    expect(failed(pods.check(container))).toMatchObject({
      code: 105,
      msg: expect.stringMatching(/^frames of cni0\.100 are tracked on the bridge: /),
    });
    passFilter(node, false);
    succeeded(pods.check(container));
    passFilter(node, true);
    attached(node, pods);
    succeeded(pods.check(container));
    expect(seenFrom(container.ns, target)).toBe(NODE_ADDRESS[4]);
  });
});

e2eNeeding(
  NEEDED,
  'a VLAN, from ADD to DEL and GC',
  (artifact) => {
    test('has a gateway, the last interface of the result, which stays when its containers have gone', () => {
      using node = createNode();
      const pods = inVlan(node, artifact, 100);
      const container = node.container();
      const { interfaces = [] } = succeeded(pods.add(container));
      const { ifname } = hostVeth(node, container);
      expect(interfaces.map(({ name }) => name)).toEqual(['cni0', ifname, 'eth0', 'cni0.100']);
      const gateway = mustLink(node.ns, 'cni0.100');
      expect(interfaces[3]).toEqual({ name: 'cni0.100', mac: gateway.address });
      const port = mustLink(node.ns, gateway.link as string);
      expect([port.master, vlansOf(node, port.ifname)]).toEqual(['cni0', [ACCESS]]);
      succeeded(pods.check(container));
      succeeded(pods.del(container));
      expect(leftBehind(node)).toMatchObject({ links: ['lo'], files: {}, elements: [] });
      expect(cidrs(node.ns, 'cni0.100')).toEqual(['10.89.0.1/24', 'fd00:89::1/64']);
      const next = attached(node, pods);
      expect(mustLink(node.ns, 'cni0.100').ifindex).toBe(gateway.ifindex);
      succeeded(pods.gc([{ containerID: next.id, ifname: 'eth0' }]));
      expect(ping(next.ns, V4.gateway)).toBe(true);
    });
  },
  { all: true },
);

e2eNeeding(NEEDED, 'the gateway of a VLAN', (artifact) => {
  test('is missed by CHECK, and made again by the next ADD', () => {
    using node = createNode();
    const pods = inVlan(node, artifact, 100);
    const container = attached(node, pods);
    exec(node.ns, ['ip', 'link', 'delete', 'cni0.100']);
    expect(failed(pods.check(container))).toMatchObject({ code: 105, msg: 'the VLAN gateway cni0.100 is missing' });
    attached(node, pods);
    succeeded(pods.check(container));
  });

  test('is used again after its bridge was deleted', () => {
    using node = createNode();
    const pods = inVlan(node, artifact, 100, { mtu: 9000 });
    const old = attached(node, pods);
    const { ifindex } = mustLink(node.ns, 'cni0.100');
    exec(node.ns, ['ip', 'link', 'delete', 'cni0']);
    expect(failed(pods.check(old))).toMatchObject({ code: 105, msg: 'the bridge cni0 is missing' });
    const container = attached(node, pods);
    succeeded(pods.check(container));
    expect(mustLink(node.ns, 'cni0.100')).toMatchObject({ ifindex, mtu: 9000 });
    expect([ping(container.ns, V4.gateway), ping(container.ns, V6.gateway)]).toEqual([true, true]);
    for (const one of [old, container]) succeeded(pods.del(one));
    expect(leftBehind(node)).toMatchObject({ links: ['lo'], files: {} });
  });

  test('has the MTU of the next network of its VLAN when the containers of another have gone', () => {
    using node = createNode();
    const sized = (mtu: number) => inVlan(node, artifact, 100, { name: `mtu${mtu}`, mtu });
    for (const mtu of [1500, 9000, 1400]) {
      const pods = sized(mtu);
      const container = attached(node, pods);
      succeeded(pods.check(container));
      expect(mustLink(node.ns, 'cni0.100').mtu).toBe(mtu);
      expect(ping(container.ns, V4.gateway, { size: mtu - 28 })).toBe(true);
      succeeded(pods.del(container));
    }
  });

  test('cannot be something that is there and is none', () => {
    using node = createNode();
    const pods = inVlan(node, artifact, 100);
    ipBatch(node.ns, 'link add cni0.100 type veth peer name other');
    const before = leftovers(node);
    const error = failed(pods.add(node.container()));
    expect([error.code, error.msg]).toEqual([102, expect.stringContaining('cannot use cni0.100 as a gateway on cni0')]);
    expect(error.details).toContain('"vlan"');
    expect(leftovers(node)).toEqual(before);
  });

  test('follows a changed subnet when nobody in its VLAN is left', () => {
    using node = createNode();
    const config = (subnet: string) => ({ ipam: ipam(node, [subnet]) });
    const old = inVlan(node, artifact, 100, config('10.91.0.0/24'));
    attached(node, inVlan(node, artifact, 200, config('10.93.0.0/24')));
    const user = attached(node, old);
    const { ifname } = hostVeth(node, user);
    const changed = inVlan(node, artifact, 100, config('10.92.0.0/24'));
    const error = failed(changed.add(node.container()));
    expect(error.msg).toContain('cannot give cni0.100 the gateway address 10.92.0.1/24: it has 10.91.0.1/24 already');
    expect(error.details).toContain(`cni0.100 is in use by ${ifname}.`);
    succeeded(old.del(user));
    const container = attached(node, changed);
    expect([cidrs(node.ns, 'cni0.100'), ping(container.ns, '10.92.0.1')]).toEqual([['10.92.0.1/24'], true]);
  });
});

e2eNeeding(NEEDED, 'beside the reference', (artifact) => {
  // Debian's, 1.1, has no gateway in a VLAN, and keeps its ports in the default VLAN too.
  test.each(['reference first', 'reference second'])('%s: both are in the same VLAN', (order) => {
    using node = createNode();
    const config = network(node, {
      ...{ cniVersion: '1.0.0', vlan: 100, isDefaultGateway: false, ipMasq: false },
      ipam: { type: 'host-local', dataDir: node.dataDir, ranges: [[{ subnet: V4.subnet }]] },
    });
    const [theirs, ours] = [runtime(node, reference('bridge'), config), runtime(node, artifact, config)];
    const [one, two] = [node.container(), node.container()];
    const adds = [() => theirs.add(one), () => ours.add(two)];
    for (const add of order === 'reference first' ? adds : adds.reverse()) succeeded(add());
    const [first, second] = order === 'reference first' ? [one, two] : [two, one];
    expect([ping(first.ns, V4.second), ping(second.ns, V4.first)]).toEqual([true, true]);
    succeeded(ours.check(two));
    for (const container of [one, two]) succeeded(ours.del(container));
    expect(leftovers(node)).toMatchObject({ links: ['lo'], files: {} });
  });
});

e2e('VLANs', (artifact) => {
  test('are refused by ADD and STATUS, in words, where the kernel’s bridges know none', () => {
    using node = createNode();
    const pods = inVlan(node, artifact, 100);
    const container = node.container();
    if (hasFeature(NEEDED)) {
      succeeded(pods.status());
      succeeded(pods.add(container));
      return;
    }
    const refused = { msg: 'cannot use VLANs: bridges of this kernel do not filter by VLAN' };
    expect(failed(pods.status())).toMatchObject({ code: 50, ...refused });
    const error = failed(pods.add(container));
    expect(error).toMatchObject({
      code: 2,
      ...refused,
      details: expect.stringContaining('CONFIG_BRIDGE_VLAN_FILTERING'),
    });
    expect(links(node.ns).map(({ ifname }) => ifname)).toEqual(['lo']);
    expect(leftovers(node)).toMatchObject({ files: {}, containers: {} });
  });
});
