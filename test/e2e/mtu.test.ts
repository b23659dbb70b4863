/** The MTU: as configured, else that of the way out of the node. */

import { expect, test } from 'bun:test';
import { failed, succeeded } from '../support/cni.ts';
import { exec, ipBatch } from '../support/netns.ts';
import { type Container, createNode, OUTSIDE_ADDRESS, type ScratchNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { ping } from '../support/traffic.ts';
import { e2e, hostVeth, mustLink, network, V4 } from './support/network.ts';

/** Of the container's interface, the node's end of it, and the bridge. */
function mtus(node: ScratchNode, container: Container): number[] {
  return [mustLink(container.ns, 'eth0').mtu, hostVeth(node, container).mtu, mustLink(node.ns, 'cni0').mtu];
}

/** ICMP payload that fills a packet of this size. */
const payload = (mtu: number) => mtu - 28;

e2e('the MTU', (artifact) => {
  test('is the configured one, on both ends and the bridge', () => {
    using node = createNode({ outside: true });
    const container = node.container();
    const result = succeeded(runtime(node, artifact, network(node, { mtu: 1380 })).add(container));
    expect(mtus(node, container)).toEqual([1380, 1380, 1380]);
    expect(result.interfaces?.[2]?.mtu).toBe(1380);
    expect(ping(container.ns, V4.gateway, { size: payload(1380) })).toBe(true);
  });

  test('may be larger than the usual one', () => {
    using node = createNode();
    const container = node.container();
    succeeded(runtime(node, artifact, network(node, { mtu: 9000 })).add(container));
    expect(mtus(node, container)).toEqual([9000, 9000, 9000]);
    expect(ping(container.ns, V4.gateway, { size: payload(9000) })).toBe(true);
  });

  test.each([
    ['absent', {}],
    ['0', { mtu: 0 }],
  ])('is that of the default route where it is %s', (_, extra) => {
    using node = createNode({ outside: true, uplinkMtu: 1400 });
    const container = node.container();
    const result = succeeded(runtime(node, artifact, network(node, extra)).add(container));
    expect(mtus(node, container)).toEqual([1400, 1400, 1400]);
    expect(result.interfaces?.[2]?.mtu).toBe(1400);
    expect(ping(container.ns, OUTSIDE_ADDRESS[4], { size: payload(1400) })).toBe(true);
  });

  test('is that of the IPv6 default route where there is no other', () => {
    using node = createNode({ outside: true, uplinkMtu: 1410 });
    exec(node.ns, ['ip', '-4', 'route', 'delete', 'default']);
    const container = node.container();
    succeeded(runtime(node, artifact, network(node)).add(container));
    expect(mtus(node, container)).toEqual([1410, 1410, 1410]);
  });

  test('is 1500 on a node without default route, whatever its other links have', () => {
    using node = createNode({ outside: true, uplinkMtu: 1400 });
    ipBatch(node.ns, 'route delete default\n route delete ::/0');
    const container = node.container();
    succeeded(runtime(node, artifact, network(node)).add(container));
    expect(mtus(node, container)).toEqual([1500, 1500, 1500]);
  });

  test('that the kernel refuses fails the ADD', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node, { mtu: 20 }));
    expect(failed(pods.add(node.container())).msg).toMatch(/mtu|MTU/);
    const negative = failed(pods.add(node.container(), { config: network(node, { mtu: -1 }) }));
    expect(negative.code).toBe(7);
    expect(negative.msg).toContain('mtu');
  });
});
