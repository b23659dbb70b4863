/** Reachable as soon as ADD has ended: the first datagram is answered, and an address with another MAC than before is found. */

import { expect, test } from 'bun:test';
import type { Artifact } from '../support/artifacts.ts';
import { succeeded } from '../support/cni.ts';
import { interfaceLoad } from '../support/load.ts';
import { exec, ipBatch, type Netns } from '../support/netns.ts';
import { type Container, createNode, type ScratchNode } from '../support/node.ts';
import { lighter } from '../support/patience.ts';
import { type Runtime, runtime } from '../support/runtime.ts';
import { ping, roundTrip } from '../support/traffic.ts';
import { e2e, ipam, network, V4, V6 } from './support/network.ts';

/** What a lost first datagram costs: neighbours are asked for again after a second (RFC 826's hosts, RFC 4861's RetransTimer). */
const LOST_MS = 900;

function attached(node: ScratchNode, pods: Runtime): Container {
  const container = node.container();
  succeeded(pods.add(container));
  return container;
}

/** Which of the pings took as long as one whose first datagram was lost. */
function slow(pings: readonly (readonly [Netns, string])[]): string[] {
  const trips = pings.map(([from, to]) => [to, roundTrip(from, to)] as const);
  return trips.filter(([, ms]) => ms === undefined || ms > LOST_MS).map(([to, ms]) => `${to}: ${ms} ms`);
}

e2e('on a node where interfaces come and go', (artifact) => {
  const count = lighter(artifact.name === 'dist/trestle' ? 20 : 8);

  test.each([
    ['the container’s first datagram to its gateway', [V4.gateway, V6.gateway], false],
    ['the node’s first to the container', [V4.subnet, V6.subnet], true],
  ] as const)('%s is answered at once', (_, subnets, isInward) => {
    for (const subnet of subnets) {
      using node = createNode();
      using _load = interfaceLoad();
      const pods = runtime(node, artifact, network(node, { ipam: ipam(node, [V4.subnet, V6.subnet]) }));
      const found: string[] = [];
      for (let number = 0; number < count; number++) {
        const { ns } = attached(node, pods);
        const own = subnet.includes(':') ? `fd00:89::${(number + 2).toString(16)}` : `10.89.0.${number + 2}`;
        found.push(...slow([isInward ? [node.ns, own] : [ns, subnet]]));
      }
      expect(found).toEqual([]);
    }
  });

  test('on layer 2, a container’s first datagram to its peer is answered at once', () => {
    using node = createNode();
    const pods = runtime(node, artifact, layer2(node));
    const peer = attached(node, pods);
    ipBatch(peer.ns, 'address add 192.0.2.1/24 dev eth0');
    using _load = interfaceLoad();
    const found: string[] = [];
    for (let number = 0; number < count; number++) {
      const { ns } = attached(node, pods);
      ipBatch(ns, `address add 192.0.2.${number + 2}/24 dev eth0`);
      found.push(...slow([[ns, '192.0.2.1']]));
    }
    expect(found).toEqual([]);
  });
});

e2e('an address that passes to another container', (artifact) => {
  test('is found by node and peers, in both families', () => {
    using node = createNode();
    const peer = attached(node, podsWith(node, artifact, ['10.89.0.9', 'fd00:89::9']));
    const pods = podsWith(node, artifact, [V4.first, V6.first]);
    for (let turn = 0; turn < 3; turn++) {
      const container = attached(node, pods);
      const mac = JSON.parse(exec(container.ns, ['ip', '-j', 'link', 'show', 'eth0']))[0].address;
      for (const from of [node.ns, peer.ns]) {
        for (const address of [V4.first, V6.first]) {
          expect(ping(from, address, { timeout: 1 })).toBe(true);
          expect(exec(from, ['ip', 'neigh', 'show', 'to', address])).toContain(mac);
        }
      }
      succeeded(pods.del(container));
    }
  });
});

function layer2(node: ScratchNode): Record<string, unknown> {
  return { cniVersion: '1.1.0', name: 'wire', type: 'trestle', bridge: 'wire0', ipam: { dataDir: node.dataDir } };
}

/** A network on the usual bridge with one address of each family. */
function podsWith(node: ScratchNode, artifact: Artifact, [v4 = '', v6 = '']: readonly string[]): Runtime {
  const only = (subnet: string, address: string) => ({ subnet, rangeStart: address, rangeEnd: address });
  const name = `one-${v4}`;
  return runtime(node, artifact, network(node, { name, ipam: ipam(node, [only(V4.subnet, v4), only(V6.subnet, v6)]) }));
}
