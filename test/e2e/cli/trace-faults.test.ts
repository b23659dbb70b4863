/** `trestle trace` names the route, neighbour, port, sysctl or lack of masquerading that ends the way of a packet. */

import { expect, test } from 'bun:test';
import { setSysctl } from '../../support/kernel.ts';
import { exec, ipBatch } from '../../support/netns.ts';
import { NODE_ADDRESS, OUTSIDE_ADDRESS } from '../../support/node.ts';
import { e2eOnNodes, eventually, FORWARDING, hostVeth, V4, V6 } from '../support/network.ts';
import { type Scene, seenOf, type Traced, traceScene } from '../support/trace.ts';

const [OUT4, OUT6] = [OUTSIDE_ADDRESS[4], OUTSIDE_ADDRESS[6]];

/** Plants a fault, expects its code, runs the command that the trace advises, and expects an answer. */
function mended(scene: Scene, plant: () => void, to: string, code: string): Traced {
  plant();
  const traced = scene.trace(to);
  expect(traced.cause).toMatchObject({ code });
  exec(scene.node.ns, ['sh', '-c', traced.cause?.fix ?? '']);
  // The kernel may still wait before it asks again for the MAC of a neighbour that did not answer.
  eventually(() => expect(scene.trace(to)).toMatchObject({ answered: true }));
  return traced;
}

e2eOnNodes('trestle trace inside the container and at its port', (artifact) => {
  test.each([
    ['IPv4', OUT4, V4.gateway],
    ['IPv6', OUT6, V6.gateway],
  ])('no default route, %s', (_, to, gateway) => {
    using scene = traceScene(artifact);
    const family = to.includes(':') ? '-6' : '-4';
    const plant = () => exec(scene.first.ns, ['ip', family, 'route', 'delete', 'default']);
    const { cause } = mended(scene, plant, to, 'no-route');
    expect(cause?.what).toContain(`the container has no route to ${to}`);
    expect(cause?.fix).toContain(`route add default via ${gateway} dev eth0`);
  });

  test('the gateway address missing on the bridge', () => {
    using scene = traceScene(artifact);
    const { node, first } = scene;
    const plant = () => {
      exec(node.ns, ['ip', 'address', 'delete', `${V4.gateway}/24`, 'dev', 'cni0']);
      exec(first.ns, ['ip', 'neighbour', 'flush', 'all']);
    };
    const { cause } = mended(scene, plant, OUT4, 'gateway-missing');
    expect(cause?.fix).toBe(`ip address add ${V4.gateway}/24 dev cni0`);
  });

  test('the port off the bridge, the port down, the bridge down', () => {
    using scene = traceScene(artifact);
    const { node, first } = scene;
    const veth = hostVeth(node, first).ifname;
    const link =
      (...args: string[]) =>
      () =>
        void exec(node.ns, ['ip', 'link', 'set', ...args]);
    expect(mended(scene, link(veth, 'nomaster'), OUT4, 'port-off-bridge').cause?.fix).toBe(
      `ip link set ${veth} master cni0`,
    );
    mended(scene, link(veth, 'down'), V4.gateway, 'port-down');
    mended(scene, link('cni0', 'down'), V4.gateway, 'bridge-down');
  });

  test('a neighbour that does not answer: in the container, and outside of the node', () => {
    using scene = traceScene(artifact);
    const inside = scene.trace('10.89.0.200');
    expect(inside.cause).toMatchObject({ code: 'neighbour' });
    expect(inside.cause?.what).toContain('nobody answers for 10.89.0.200 on eth0 of the container');
    for (const to of ['203.0.113.99', '2001:db8:ffff::99']) {
      const { cause, steps } = scene.trace(to);
      expect(cause).toMatchObject({ code: 'neighbour' });
      expect(cause?.what).toContain(`nobody answers for ${to} on eth0 of the node`);
      expect(steps.some(({ topic, bad }) => topic === 'neighbour' && bad)).toBe(true);
    }
  });
});

e2eOnNodes('trestle trace through the routing of the node', (artifact) => {
  test.each([4, 6] as const)('forwarding turned off, IPv%d', (family) => {
    using scene = traceScene(artifact);
    const plant = () => setSysctl(scene.node.ns, FORWARDING[family], 0);
    const { cause } = mended(scene, plant, OUTSIDE_ADDRESS[family], 'forwarding-off');
    expect(cause?.fix).toBe(`sysctl -w ${FORWARDING[family].replaceAll('/', '.')}=1`);
  });

  test('no route on the node', () => {
    using scene = traceScene(artifact);
    for (const family of ['-4', '-6']) exec(scene.node.ns, ['ip', family, 'route', 'delete', 'default']);
    for (const to of ['198.51.100.1', '2001:db8:eeee::1']) {
      const { cause } = scene.trace(to);
      expect(cause).toMatchObject({ code: 'no-route-on-node' });
      expect(cause?.what).toContain(`no route to ${to}`);
    }
  });

  test('the reverse path filter, on the way there and on the way back', () => {
    using scene = traceScene(artifact);
    const { node, trace } = scene;
    // The container knows the MAC of its gateway by now. The node's way back to the container leads outside.
    expect(trace(OUT4)).toMatchObject({ answered: true });
    ipBatch(node.ns, `route add ${V4.first}/32 via ${OUT4}`);
    setSysctl(node.ns, 'net/ipv4/conf/cni0/rp_filter', 1);
    const there = trace(OUT4);
    expect(there.cause).toMatchObject({ code: 'rp-filter', fix: 'sysctl -w net.ipv4.conf.cni0.rp_filter=2' });
    ipBatch(node.ns, `route delete ${V4.first}/32`);
    // What is outside answers by another link than the one that leads to it.
    ipBatch(
      node.ns,
      `link add eth1 address 02:00:00:00:00:11 type veth peer name eth1 netns ${node.outside.name}
      link set eth1 up`,
    );
    ipBatch(
      node.outside,
      `link set eth1 up
      route add ${NODE_ADDRESS[4]}/32 dev eth1
      neighbour add ${NODE_ADDRESS[4]} lladdr 02:00:00:00:00:11 dev eth1`,
    );
    setSysctl(node.ns, 'net/ipv4/conf/eth1/rp_filter', 1);
    const back = trace(OUT4);
    expect(back.cause).toMatchObject({ code: 'answer-rp-filter', fix: 'sysctl -w net.ipv4.conf.eth1.rp_filter=2' });
  });

  test('no masquerading: says the source that left', () => {
    using scene = traceScene(artifact, { ipMasq: false });
    for (const [to, own] of [
      [OUT4, V4.first],
      [OUT6, V6.first],
    ] as const) {
      const traced = scene.trace(to);
      expect(traced.cause).toMatchObject({ code: 'not-masqueraded' });
      expect(traced.cause?.what).toContain(`left eth0 with the container's own address ${own}`);
      expect(traced.cause?.fix).toContain('"ipMasq": true');
      expect(seenOf(traced, 'leaves')).toEqual([`by eth0, from ${own} to ${to}`]);
    }
  });

  test('a target that keeps silent', () => {
    using scene = traceScene(artifact);
    setSysctl(scene.node.outside, 'net/ipv4/icmp_echo_ignore_all', 1);
    const { cause } = scene.trace(OUT4);
    expect(cause).toMatchObject({ code: 'silent' });
    expect(cause?.what).toContain(`left by eth0 from ${NODE_ADDRESS[4]}, and no answer came from ${OUT4}`);
  });
});
