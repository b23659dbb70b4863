/** Layer 2 only: a link and nothing on it. */

import { expect, test } from 'bun:test';
import { type CniResult, failed, succeeded } from '../support/cni.ts';
import { cidrs, routes, sysctl } from '../support/kernel.ts';
import { leftovers } from '../support/leftovers.ts';
import { exec, ipBatch } from '../support/netns.ts';
import { nftSnapshot } from '../support/nft.ts';
import { type Container, createNode, type ScratchNode } from '../support/node.ts';
import { type Runtime, runtime } from '../support/runtime.ts';
import { ping } from '../support/traffic.ts';
import { withDefaultDataDir } from './support/mounts.ts';
import { e2e, FORWARDING, hostVeth, isUp, mustLink, stopForwarding } from './support/network.ts';

const WIRE = { cniVersion: '1.1.0', name: 'wire', type: 'trestle', bridge: 'wire0' };

function added(pods: Runtime, node: ScratchNode): [Container, CniResult] {
  const container = node.container();
  return [container, succeeded(pods.add(container))];
}

e2e('layer 2 only', (artifact) => {
  test.each([
    ['no ipam', {}],
    ['ipam: {}', { ipam: {} }],
    ['ipam without a type', { ipam: { type: '' } }],
  ])('%s: the link is up and has no address', (_, ipam) => {
    using node = createNode();
    stopForwarding(node.ns);
    const plugin = withDefaultDataDir(node, artifact);
    const [container, result] = added(runtime(node, plugin, { ...WIRE, ...ipam }), node);
    expect(hostVeth(node, container).master).toBe('wire0');
    expect([mustLink(container.ns, 'eth0'), hostVeth(node, container)].map(isUp)).toEqual([true, true]);
    expect([cidrs(container.ns, 'eth0'), cidrs(node.ns, 'wire0')]).toEqual([[], []]);
    expect([routes(container.ns, 4), routes(container.ns, 6)]).toEqual([[], []]);
    expect(nftSnapshot(node.ns)).toEqual([]);
    expect(Object.values(FORWARDING).map((name) => sysctl(node.ns, name))).toEqual(['0', '0']);
    expect(result.ips ?? []).toEqual([]);
    expect(result.interfaces?.map(({ name }) => name)).toEqual(['wire0', hostVeth(node, container).ifname, 'eth0']);
    expect(Object.keys(leftovers(node).files)).toEqual([`.trestle/wire/${container.id}:eth0`]);
  });

  test('containers reach each other with addresses of their own choice', () => {
    using node = createNode();
    const pods = runtime(node, artifact, { ...WIRE, ipam: { dataDir: node.dataDir } });
    const [[first], [second]] = [added(pods, node), added(pods, node)];
    exec(first.ns, ['ip', 'address', 'add', '192.0.2.1/24', 'dev', 'eth0']);
    exec(second.ns, ['ip', 'address', 'add', '192.0.2.2/24', 'dev', 'eth0']);
    expect(ping(first.ns, '192.0.2.2')).toBe(true);
  });

  test('CHECK, DEL and a second DEL', () => {
    using node = createNode();
    const pods = runtime(node, artifact, { ...WIRE, ipam: { dataDir: node.dataDir } });
    const container = node.container();
    const before = leftovers(node);
    succeeded(pods.add(container));
    succeeded(pods.check(container));
    exec(node.ns, ['ip', 'link', 'set', hostVeth(node, container).ifname, 'nomaster']);
    expect(failed(pods.check(container)).code).toBe(105);
    succeeded(pods.del(container));
    expect(leftovers(node)).toEqual(before);
    succeeded(pods.del(container));
  });

  test('an attachment is not made twice', () => {
    using node = createNode();
    const pods = runtime(node, artifact, { ...WIRE, ipam: { dataDir: node.dataDir } });
    const [container] = added(pods, node);
    const during = leftovers(node);
    expect(failed(pods.add(container)).code).toBe(102);
    expect(leftovers(node)).toEqual(during);
  });

  test('GC takes what is not in the list', () => {
    using node = createNode();
    const pods = runtime(node, artifact, { ...WIRE, ipam: { dataDir: node.dataDir } });
    const [[first], [second]] = [added(pods, node), added(pods, node)];
    succeeded(pods.gc([{ containerID: second.id, ifname: 'eth0' }]));
    ipBatch(second.ns, 'address add 192.0.2.2/24 dev eth0');
    expect(Object.keys(leftovers(node).containers)).toEqual([second.id]);
    expect(Object.keys(leftovers(node).files)).toEqual([`.trestle/wire/${second.id}:eth0`]);
    expect(first.ns.exists()).toBe(true);
  });
});
