/** The MTU: as configured, else that of the way out of the node. */

import { expect, test } from 'bun:test';
import { failed, succeeded } from '../support/cni.ts';
import { leftovers } from '../support/leftovers.ts';
import { createNetns, exec, ipBatch } from '../support/netns.ts';
import { type Container, createNode, OUTSIDE_ADDRESS, type ScratchNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { ping } from '../support/traffic.ts';
import { e2e, footprint, hostVeth, ipam, mustLink, network, V4, V6 } from './support/network.ts';

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

  test('is the bridge’s where it has other ports, and larger frames than they take are not sent', () => {
    using node = createNode({ outside: true, uplinkMtu: 9000 });
    using host = createNetns();
    ipBatch(
      node.ns,
      `link add cni0 up type bridge\n link add lan0 type veth peer name eth0 netns ${host.name}\n link set lan0 master cni0 up`,
    );
    ipBatch(host, 'address add 10.89.0.200/24 dev eth0\n link set eth0 up');
    const container = node.container();
    succeeded(runtime(node, artifact, network(node)).add(container));
    expect(mtus(node, container)).toEqual([1500, 1500, 1500]);
    expect(ping(container.ns, '10.89.0.200', { size: payload(1500) })).toBe(true);
  });

  test.each([
    ['1280, though the uplink has less', 1200, 1280],
    ['1280, though the uplink has less than IPv4 needs', 68, 1280],
  ])('with IPv6 is at least %s', (_, uplinkMtu, expected) => {
    using node = createNode();
    ipBatch(node.ns, `link add eth0 mtu ${uplinkMtu} up type veth peer name p`);
    ipBatch(node.ns, 'link set p up\n address add 203.0.113.2/24 dev eth0\n route add default via 203.0.113.1');
    const container = node.container();
    succeeded(runtime(node, artifact, network(node)).add(container));
    expect(mtus(node, container)).toEqual([expected, expected, expected]);
    expect(ping(container.ns, V6.gateway)).toBe(true);
  });

  test('is the most that a veth takes, where the default route is over lo', () => {
    using node = createNode();
    ipBatch(node.ns, 'route add default dev lo');
    const container = node.container();
    succeeded(runtime(node, artifact, network(node)).add(container));
    expect(mtus(node, container)).toEqual([65_535, 65_535, 65_535]);
  });

  test('that is too small for IPv6 is refused before anything is made, of the bridge as well', () => {
    using node = createNode();
    const before = [leftovers(node), footprint(node)];
    const error = failed(runtime(node, artifact, network(node, { mtu: 1279 })).add(node.container()));
    expect(error).toMatchObject({ code: 7, msg: expect.stringContaining('no IPv6 on an interface below 1280') });
    expect([leftovers(node), footprint(node)]).toEqual(before);
    ipBatch(node.ns, 'link add cni0 up type bridge\n link set cni0 mtu 1000');
    const small = failed(runtime(node, artifact, network(node)).add(node.container()));
    expect(small).toMatchObject({
      code: 102,
      msg: 'cannot use the bridge cni0 for IPv6: its MTU is 1000, and IPv6 needs 1280',
    });
    expect(leftovers(node)).toEqual(before[0] as ReturnType<typeof leftovers>);
  });

  test('that would take IPv6 from the bridge is refused: another network has its gateway there', () => {
    using node = createNode();
    const six = runtime(node, artifact, network(node, { name: 'six', ipam: ipam(node, [V6.subnet]) }));
    const running = node.container();
    succeeded(six.add(running));
    const four = { name: 'four', mtu: 1000, ipam: ipam(node, [V4.subnet]) };
    const error = failed(runtime(node, artifact, network(node, four)).add(node.container()));
    expect(error).toMatchObject({
      code: 102,
      msg: expect.stringContaining('for a port with the MTU 1000: its address fd00:89::1/64 would go'),
    });
    succeeded(six.check(running));
    succeeded(runtime(node, artifact, network(node, { ...four, bridge: 'cni1' })).add(node.container()));
  });

  test('that no interface can have is refused', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node, { mtu: 20 }));
    expect(failed(pods.add(node.container()))).toMatchObject({ code: 7, msg: expect.stringContaining('mtu: 20') });
    const negative = failed(pods.add(node.container(), { config: network(node, { mtu: -1 }) }));
    expect(negative.code).toBe(7);
    expect(negative.msg).toContain('mtu');
  });
});
