/** Masquerading: what leaves the subnet has the node's address, everything else keeps its own. */

import { expect, test } from 'bun:test';
import { succeeded } from '../support/cni.ts';
import { exec } from '../support/netns.ts';
import { nftElements, nftRules, nftSnapshot } from '../support/nft.ts';
import { createNode, NODE_ADDRESS, OUTSIDE_ADDRESS } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { multicastReceiver, ping, seenFrom, sendMulticast, sourceServer } from '../support/traffic.ts';
import { e2e, ipam, network, V4, V6 } from './support/network.ts';

const FAMILIES = [4, 6] as const;

e2e('masquerading', (artifact) => {
  test('the outside sees the address of the node', async () => {
    using node = createNode({ outside: true });
    const container = node.container();
    succeeded(runtime(node, artifact, network(node)).add(container));
    using server = await sourceServer(node.outside);
    for (const family of FAMILIES) {
      expect(ping(container.ns, OUTSIDE_ADDRESS[family])).toBe(true);
      for (const protocol of ['tcp', 'udp'] as const) {
        const target = { address: OUTSIDE_ADDRESS[family], port: server.port, protocol };
        expect(seenFrom(container.ns, target)).toBe(NODE_ADDRESS[family]);
      }
    }
  });

  test('is of those only who asked for it', async () => {
    using node = createNode({ outside: true, routesBack: ['10.90.0.0/24'] });
    const [masked, open] = [node.container(), node.container()];
    const other = { name: 'open', bridge: 'cni1', ipMasq: false, ipam: ipam(node, ['10.90.0.0/24']) };
    succeeded(runtime(node, artifact, network(node)).add(masked));
    succeeded(runtime(node, artifact, network(node, other)).add(open));
    using server = await sourceServer(node.outside);
    const target = { address: OUTSIDE_ADDRESS[4], port: server.port };
    expect(seenFrom(masked.ns, target)).toBe(NODE_ADDRESS[4]);
    expect(seenFrom(open.ns, target)).toBe('10.90.0.2');
    expect(nftElements(node.ns).map(({ value }) => value)).toEqual([V4.first, V6.first]);
  });

  test('towards another network of the node it is done, too', async () => {
    using node = createNode();
    const [from, to] = [node.container(), node.container()];
    const other = { name: 'other', bridge: 'cni1', ipam: ipam(node, ['10.90.0.0/24', 'fd00:90::/64']) };
    succeeded(runtime(node, artifact, network(node)).add(from));
    succeeded(runtime(node, artifact, network(node, other)).add(to));
    using server = await sourceServer(to.ns);
    expect(seenFrom(from.ns, { address: '10.90.0.2', port: server.port })).toBe('10.90.0.1');
    expect(seenFrom(from.ns, { address: 'fd00:90::2', port: server.port })).toBe('fd00:90::1');
  });

  test('multicast keeps its source, whoever hears it', async () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const [sender, receiver] = [node.container(), node.container()];
    for (const container of [sender, receiver]) succeeded(pods.add(container));
    for (const [group, own] of [['239.1.2.3', V4.first] as const, ['ff05::1:3', V6.first] as const]) {
      using onBridge = await multicastReceiver(receiver.ns, 'eth0', group);
      using onNode = await multicastReceiver(node.ns, 'cni0', group);
      sendMulticast(sender.ns, 'eth0', group);
      expect([await onBridge.wait(), await onNode.wait()]).toEqual([[own], [own]]);
    }
  });

  test('is undone for one container at its DEL, and stays for the other', async () => {
    using node = createNode({ outside: true });
    const pods = runtime(node, artifact, network(node));
    const [first, second] = [node.container(), node.container()];
    for (const container of [first, second]) succeeded(pods.add(container));
    succeeded(pods.del(first));
    expect(nftElements(node.ns).map(({ value }) => value)).toEqual([V4.second, V6.second]);
    using server = await sourceServer(node.outside);
    const target = { address: OUTSIDE_ADDRESS[4], port: server.port };
    expect(seenFrom(second.ns, target)).toBe(NODE_ADDRESS[4]);
  });

  test('costs one rule a subnet, however many containers there are', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    succeeded(pods.add(node.container()));
    const rules = nftRules(node.ns);
    expect(rules).toHaveLength(4);
    for (let count = 0; count < 3; count++) succeeded(pods.add(node.container()));
    expect(nftRules(node.ns)).toEqual(rules);
    expect(nftElements(node.ns)).toHaveLength(8);
  });

  test('leaves the tables of others alone', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    exec(node.ns, ['nft', '-f', '-'], {
      stdin: 'table ip mine {\n set s {\n type ipv4_addr; elements = { 10.89.0.2 }\n }\n }',
    });
    const mine = () => nftSnapshot(node.ns).filter(({ table }) => table === 'mine');
    const before = mine();
    const container = node.container();
    succeeded(pods.add(container));
    succeeded(pods.del(container));
    expect(mine()).toEqual(before);
  });

  test('comes back with the next ADD after somebody flushed the ruleset', async () => {
    using node = createNode({ outside: true });
    const pods = runtime(node, artifact, network(node));
    succeeded(pods.add(node.container()));
    exec(node.ns, ['nft', 'flush', 'ruleset']);
    const container = node.container();
    succeeded(pods.add(container));
    using server = await sourceServer(node.outside);
    for (const family of FAMILIES) {
      const target = { address: OUTSIDE_ADDRESS[family], port: server.port };
      expect(seenFrom(container.ns, target)).toBe(NODE_ADDRESS[family]);
    }
  });
});
