/** The data directory is emptied while containers run: their addresses are not given away. */

import { expect, test } from 'bun:test';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { failed, succeeded } from '../support/cni.ts';
import { leftovers } from '../support/leftovers.ts';
import { createNode, type ScratchNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { type Config, e2e, ipam, network, V4, V6 } from './support/network.ts';

/** What is removed: the first is a remedy that is passed around for host-local. */
const REMOVED: readonly [string, (node: ScratchNode) => string[]][] = [
  ['the leases', ({ dataDir }) => readdirSync(join(dataDir, 'pods')).map((name) => join(dataDir, 'pods', name))],
  ['the network', ({ dataDir }) => [join(dataDir, 'pods')]],
  ['the records', ({ dataDir }) => [join(dataDir, '.trestle')]],
  ['everything', ({ dataDir }) => [dataDir]],
];
const NETWORKS: readonly [string, (node: ScratchNode) => Config][] = [
  ['masqueraded, of both families', (node) => network(node)],
  ['without masquerading', (node) => network(node, { ipMasq: false })],
  ['with a MAC guard', (node) => network(node, { macspoofchk: true, ipam: ipam(node, [V4.subnet]) })],
];

e2e('emptied under running containers', (artifact) => {
  for (const [what, paths] of REMOVED) {
    test.each(NETWORKS)(`${what}, on a network %s`, (_, config) => {
      using node = createNode();
      const pods = runtime(node, artifact, config(node));
      const before = leftovers(node);
      const [first, second] = [node.container(), node.container()];
      succeeded(pods.add(first));
      for (const path of paths(node)) rmSync(path, { recursive: true });
      const added = pods.add(second);
      const result = succeeded(added);
      const [address] = (result.ips as { address: string }[]) ?? [];
      expect(address?.address).toBe(`${V4.second}/24`);
      expect(added.stderr).toMatch(/put back .* on pods, whose holders are alive/);
      for (const ip of [V4.first, V4.second]) expect(existsSync(join(node.dataDir, 'pods', ip))).toBe(true);
      succeeded(pods.check(first));
      succeeded(pods.check(second));
      expect(failed(pods.add(first)).code).toBe(102);
      for (const container of [first, second]) succeeded(pods.del(container));
      expect(leftovers(node)).toEqual(before);
    });
  }

  test('STATUS says so, and puts them back', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    succeeded(pods.add(node.container()));
    rmSync(node.dataDir, { recursive: true });
    const status = pods.status();
    succeeded(status);
    expect(status.stderr).toMatch(/put back 2 leases and 1 records on pods/);
    for (const ip of [V4.first, V6.first]) expect(existsSync(join(node.dataDir, 'pods', ip))).toBe(true);
  });

  test('what had ended by then is not put back', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const [gone, next] = [node.container(), node.container()];
    succeeded(pods.add(gone));
    gone.ns[Symbol.dispose]();
    rmSync(join(node.dataDir, 'pods'), { recursive: true });
    Bun.sleepSync(300);
    const [address] = (succeeded(pods.add(next)).ips as { address: string }[]) ?? [];
    expect(address?.address).toBe(`${V4.first}/24`);
  });
});
