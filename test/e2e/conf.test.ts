/** The ready configurations in conf/, each as it stands, run as a runtime runs it. */

import { expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Artifact, reference } from '../support/artifacts.ts';
import { type CniResult, type Command, cni, succeeded } from '../support/cni.ts';
import { bridgePorts, cidrs, routes } from '../support/kernel.ts';
import { leftovers } from '../support/leftovers.ts';
import { exec } from '../support/netns.ts';
import { type Container, createNode, NODE_ADDRESS, OUTSIDE_ADDRESS, type ScratchNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { ping, seenFrom, sourceServer } from '../support/traffic.ts';
import { withDefaultDataDir } from './support/mounts.ts';
import { type Config, e2e, hostVeth, isUp, mustLink } from './support/network.ts';

const DIRECTORY = join(import.meta.dir, '../../conf');

function read(file: string): Config {
  return JSON.parse(readFileSync(join(DIRECTORY, file), 'utf8')) as Config;
}

/** The plugins of a list, run as libcni does: forwards for ADD and CHECK, backwards for DEL, each with the last result. */
function chain(node: ScratchNode, artifact: Artifact, list: Config, runtimeConfig: Config) {
  const { cniVersion, name } = list;
  const plugins = list.plugins as Config[];
  let last: CniResult | undefined;
  const call = (command: Command, container: Container, plugin: Config) => {
    const wanted = Object.keys((plugin.capabilities as Config | undefined) ?? {});
    const given = Object.fromEntries(wanted.map((key) => [key, runtimeConfig[key]]));
    const config = { ...plugin, cniVersion, name, runtimeConfig: given, ...(last && { prevResult: last }) };
    const program = plugin.type === 'trestle' ? artifact : reference(String(plugin.type));
    return succeeded(cni(node, { artifact: program, command, container, config }));
  };
  return {
    add: (container: Container) => {
      for (const plugin of plugins) last = call('ADD', container, plugin);
      return last as CniResult;
    },
    // Ours only: the reference's portmap does not pass its own CHECK on dual stack.
    check: (container: Container) => call('CHECK', container, plugins[0] as Config),
    del: (container: Container) => plugins.toReversed().map((plugin) => call('DEL', container, plugin)),
  };
}

test('conf/ holds what is tested here', () => {
  expect(readdirSync(DIRECTORY).sort()).toEqual(['10-trestle.conflist', 'trestle-bridge.conf', 'trestle-l2.conf']);
});

e2e('10-trestle.conflist', (artifact) => {
  test('gives a pod both families, the outside, a published port, and itself under it', async () => {
    using node = createNode({ outside: true });
    const portMappings = [{ hostPort: 8080, containerPort: 7777, protocol: 'tcp' }];
    const list = read('10-trestle.conflist');
    const pods = chain(node, withDefaultDataDir(node, artifact), list, { portMappings });
    const container = node.container();
    const before = leftovers(node);
    expect(pods.add(container)).toMatchObject({ cniVersion: '1.0.0', ips: [{ interface: 2 }, { interface: 2 }] });
    expect(cidrs(container.ns, 'eth0')).toEqual(['10.244.0.2/24', 'fd00:10:244::2/64']);
    expect(bridgePorts(node.ns)[0]).toMatchObject({ master: 'cni0', hairpin: true });

    using outside = await sourceServer(node.outside);
    using pod = await sourceServer(container.ns);
    for (const family of [4, 6] as const) {
      const target = { address: OUTSIDE_ADDRESS[family], port: outside.port };
      expect(seenFrom(container.ns, target)).toBe(NODE_ADDRESS[family]);
    }
    const published = { address: NODE_ADDRESS[4], port: 8080 };
    expect(pod.port).toBe(7777);
    expect(seenFrom(node.outside, published)).toBe(OUTSIDE_ADDRESS[4]);
    expect(seenFrom(container.ns, published)).toBe('10.244.0.1');

    pods.check(container);
    pods.del(container);
    expect(seenFrom(node.outside, published, 0.5)).toBeUndefined();
    expect(leftovers(node)).toMatchObject({ ...before, nat: expect.anything() });
  });
});

e2e('trestle-bridge.conf', (artifact) => {
  test('joins two containers, and lets them out', async () => {
    using node = createNode({ outside: true });
    const network = runtime(node, withDefaultDataDir(node, artifact), read('trestle-bridge.conf'));
    const [first, second] = [node.container(), node.container()];
    const before = leftovers(node);
    for (const container of [first, second]) succeeded(network.add(container));
    expect(cidrs(second.ns, 'eth0')).toEqual(['10.88.0.3/16', 'fd00:10:88::3/64']);
    for (const address of ['10.88.0.2', 'fd00:10:88::2', '10.88.0.1', 'fd00:10:88::1']) {
      expect(ping(second.ns, address)).toBe(true);
    }
    using server = await sourceServer(node.outside);
    for (const family of [4, 6] as const) {
      const target = { address: OUTSIDE_ADDRESS[family], port: server.port };
      expect(seenFrom(second.ns, target)).toBe(NODE_ADDRESS[family]);
    }
    for (const container of [first, second]) {
      succeeded(network.check(container));
      succeeded(network.del(container));
    }
    expect(leftovers(node)).toEqual(before);
  });
});

e2e('trestle-l2.conf', (artifact) => {
  test('is a wire between containers, and no more', () => {
    using node = createNode();
    const network = runtime(node, withDefaultDataDir(node, artifact), read('trestle-l2.conf'));
    const [first, second] = [node.container(), node.container()];
    const before = leftovers(node);
    for (const container of [first, second]) {
      succeeded(network.add(container));
      expect([mustLink(container.ns, 'eth0'), hostVeth(node, container)].map(isUp)).toEqual([true, true]);
      expect([cidrs(container.ns, 'eth0'), routes(container.ns, 4)]).toEqual([[], []]);
    }
    expect(cidrs(node.ns, 'trestle-l2')).toEqual([]);
    exec(first.ns, ['ip', 'address', 'add', '192.0.2.1/24', 'dev', 'eth0']);
    exec(second.ns, ['ip', 'address', 'add', '192.0.2.2/24', 'dev', 'eth0']);
    expect(ping(first.ns, '192.0.2.2')).toBe(true);
    for (const container of [first, second]) {
      succeeded(network.check(container));
      succeeded(network.del(container));
    }
    expect(leftovers(node)).toEqual(before);
  });
});
