/** Real packets: between containers, to the gateway, and beyond the node. */

import { expect, test } from 'bun:test';
import { succeeded } from '../support/cni.ts';
import { createNode, OUTSIDE_ADDRESS } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { ping, seenFrom, sourceServer } from '../support/traffic.ts';
import { e2e, ipam, network, V4, V6 } from './support/network.ts';

e2e('traffic', (artifact) => {
  test('between containers, with their own addresses, in both directions', async () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const [first, second] = [node.container(), node.container()];
    for (const container of [first, second]) succeeded(pods.add(container));
    for (const { first: one, second: other } of [V4, V6]) {
      expect(ping(first.ns, other)).toBe(true);
      expect(ping(second.ns, one)).toBe(true);
    }
    using server = await sourceServer(second.ns);
    for (const protocol of ['tcp', 'udp'] as const) {
      expect(seenFrom(first.ns, { address: V4.second, port: server.port, protocol })).toBe(V4.first);
      expect(seenFrom(first.ns, { address: V6.second, port: server.port, protocol })).toBe(V6.first);
    }
  });

  test('between container and gateway, each seen under its own address', async () => {
    using node = createNode();
    const container = node.container();
    succeeded(runtime(node, artifact, network(node)).add(container));
    using onNode = await sourceServer(node.ns);
    using inside = await sourceServer(container.ns);
    for (const { gateway, first } of [V4, V6]) {
      expect(ping(container.ns, gateway)).toBe(true);
      expect(seenFrom(container.ns, { address: gateway, port: onNode.port })).toBe(first);
      expect(seenFrom(node.ns, { address: first, port: inside.port })).toBe(gateway);
    }
  });

  test('to itself and to its own address', () => {
    using node = createNode();
    const container = node.container();
    succeeded(runtime(node, artifact, network(node)).add(container));
    for (const address of ['127.0.0.1', '::1', V4.first, V6.first]) expect(ping(container.ns, address)).toBe(true);
  });

  test('to the outside, without masquerading and with a way back', async () => {
    using node = createNode({ outside: true, routesBack: [V4.subnet, V6.subnet] });
    const container = node.container();
    succeeded(runtime(node, artifact, network(node, { ipMasq: false })).add(container));
    using server = await sourceServer(node.outside);
    for (const [family, { first }] of [[4, V4] as const, [6, V6] as const]) {
      expect(ping(container.ns, OUTSIDE_ADDRESS[family])).toBe(true);
      expect(seenFrom(container.ns, { address: OUTSIDE_ADDRESS[family], port: server.port })).toBe(first);
    }
  });

  test('from the outside to a container that is masqueraded the other way', async () => {
    using node = createNode({ outside: true, routesBack: [V4.subnet, V6.subnet] });
    const container = node.container();
    succeeded(runtime(node, artifact, network(node)).add(container));
    using server = await sourceServer(container.ns);
    for (const [family, { first }] of [[4, V4] as const, [6, V6] as const]) {
      expect(ping(node.ns, first)).toBe(true);
      expect(seenFrom(node.outside, { address: first, port: server.port })).toBe(OUTSIDE_ADDRESS[family]);
    }
  });

  test('stops at DEL, and the other container goes on', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const [first, second] = [node.container(), node.container()];
    for (const container of [first, second]) succeeded(pods.add(container));
    succeeded(pods.del(first));
    expect(ping(second.ns, V4.first, { timeout: 1 })).toBe(false);
    expect(ping(second.ns, V4.gateway)).toBe(true);
    expect(ping(second.ns, V6.gateway)).toBe(true);
  });

  test('between containers of two networks on one node, through it', () => {
    using node = createNode();
    const [first, second] = [node.container(), node.container()];
    const other = network(node, { name: 'other', bridge: 'cni1', ipam: ipam(node, ['10.90.0.0/24', 'fd00:90::/64']) });
    succeeded(runtime(node, artifact, network(node)).add(first));
    succeeded(runtime(node, artifact, other).add(second));
    expect(ping(first.ns, '10.90.0.2')).toBe(true);
    expect(ping(first.ns, 'fd00:90::2')).toBe(true);
  });
});
