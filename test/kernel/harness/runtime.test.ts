/** The harness itself, on the reference plugins, which speak the same protocol. */

import { expect, test } from 'bun:test';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { artifacts, reference } from '../../support/artifacts.ts';
import { cni, cniAsync, failed, type Outcome, succeeded } from '../../support/cni.ts';
import { addresses, bridgePorts, cidrs } from '../../support/kernel.ts';
import { leftovers } from '../../support/leftovers.ts';
import { exec } from '../../support/netns.ts';
import { createNode, OUTSIDE_ADDRESS, type ScratchNode } from '../../support/node.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { runtime } from '../../support/runtime.ts';
import { seenFrom, sourceServer } from '../../support/traffic.ts';

function bridge(node: ScratchNode, extra: object = {}) {
  const ranges = [[{ subnet: '10.89.0.0/24' }], [{ subnet: 'fd00:89::/64' }]];
  const ipam = { type: 'host-local', dataDir: node.dataDir, ranges, routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }] };
  return { cniVersion: '1.0.0', name: 'pods', type: 'bridge', bridge: 'cni0', isGateway: true, ipam, ...extra };
}

describeOnKernel('a runtime', () => {
  test('adds, checks and deletes', () => {
    using node = createNode();
    const pods = runtime(node, reference('bridge'), bridge(node));
    const container = node.container();
    const before = leftovers(node);
    expect(before).toEqual({ links: ['lo'], files: {}, elements: [], nat: [], containers: {} });

    const result = succeeded(pods.add(container));
    expect(result.ips?.map((ip) => ip.address)).toEqual(cidrs(container.ns, 'eth0'));
    expect(result.interfaces?.[2]?.sandbox).toBe(container.netnsPath);
    expect(bridgePorts(node.ns)[0]?.master).toBe('cni0');
    expect(addresses(node.ns, 'cni0')[0]).toMatchObject({ cidr: '10.89.0.1/24', family: 'inet', scope: 'global' });
    const during = leftovers(node);
    expect(Object.keys(during.files)).toEqual(['pods/10.89.0.2', 'pods/fd00:89::2']);
    expect(during.links).toHaveLength(2);
    expect(during.containers[container.id]).toContain('route default dev eth0');

    succeeded(pods.check(container));
    exec(container.ns, ['ip', 'route', 'delete', 'default']);
    expect(failed(pods.check(container)).msg).toContain('0.0.0.0');
    succeeded(pods.del(container));
    expect(leftovers(node)).toEqual(before);
  });

  test('sees an error as an error object', () => {
    using node = createNode();
    const container = { id: 'c1', netnsPath: '/run/netns/nothere' };
    const outcome = runtime(node, reference('bridge'), bridge(node)).add(container);
    expect(failed(outcome).msg).toContain('/run/netns/nothere');
    expect(() => succeeded(outcome)).toThrow(/should have succeeded: exit status 1\nstdout: .*nothere/s);
  });

  test('asks for the versions, and starts many calls at once', async () => {
    using node = createNode();
    const artifact = reference('bridge');
    const { result } = cni(node, { artifact, command: 'VERSION', config: { cniVersion: '1.0.0' } });
    expect(result?.supportedVersions).toContain('0.4.0');
    const pods = runtime(node, artifact, bridge(node));
    const containers = Array.from({ length: 8 }, () => node.container());
    const added = await Promise.all(containers.map((container) => pods.addAsync(container)));
    expect(new Set(added.map((outcome) => succeeded(outcome).ips?.[0]?.address)).size).toBe(8);
    await Promise.all(containers.map(async (container) => succeeded(await pods.delAsync(container))));
    expect(leftovers(node).files).toEqual({});
  });

  test('gives a plugin its variables, and of programs only node to a script', () => {
    using node = createNode();
    const path = join(node.directory, 'plugin');
    const script =
      "#!/usr/bin/env node\nconsole.log(JSON.stringify({ code: 100, msg: 'env', ...process.env }));process.exit(1);";
    writeFileSync(path, script, { mode: 0o755 });
    const searchPath = artifacts.find(({ name }) => name.endsWith('.cjs'))?.searchPath ?? '';
    const artifact = { name: 'echo', path, searchPath };
    const container = { id: 'c1', netnsPath: '/run/netns/c1' };
    expect(
      failed(cni(node, { artifact, command: 'ADD', container, args: 'IP=10.1.0.7', env: { EXTRA: 'x' } })),
    ).toEqual({
      ...{ code: 100, msg: 'env', EXTRA: 'x', PATH: searchPath, CNI_PATH: node.directory },
      ...{
        CNI_COMMAND: 'ADD',
        CNI_CONTAINERID: 'c1',
        CNI_NETNS: '/run/netns/c1',
        CNI_IFNAME: 'eth0',
        CNI_ARGS: 'IP=10.1.0.7',
      },
    });
    expect(readdirSync(searchPath)).toEqual(['node']);
  });

  test('hands on results and lists of attachments as libcni does', () => {
    using node = createNode();
    const path = join(node.directory, 'plugin');
    writeFileSync(path, '#!/bin/sh\nexec /bin/cat', { mode: 0o755 });
    const artifact = { name: 'cat', path, searchPath: '/nonexistent' };
    const pods = runtime(node, artifact, { cniVersion: '1.1.0', name: 'pods' });
    const container = { id: 'c1', netnsPath: '/run/netns/c1' };
    const network = { cniVersion: '1.1.0', name: 'pods' };
    const sent = (outcome: Outcome): unknown => succeeded(outcome);
    expect(sent(pods.del(container))).toEqual(network);
    expect(sent(pods.add(container))).toEqual(network);
    expect(sent(pods.check(container))).toEqual({ ...network, prevResult: network });
    expect(sent(pods.del(container, { ifName: 'net1' }))).toEqual(network);
    expect(sent(pods.del(container, { prevResult: null }))).toEqual(network);
    const valid = [{ containerID: 'c1', ifname: 'eth0' }];
    const lists = { 'cni.dev/valid-attachments': valid, 'cni.dev/attachments': valid };
    expect(sent(pods.gc(valid))).toEqual({ ...network, ...lists });
    expect(sent(pods.gc())).toEqual(network);
    expect(sent(pods.status({ config: { name: 'other' } }))).toEqual({ name: 'other' });
  });

  test('a call can differ in everything', async () => {
    using node = createNode();
    const artifact = reference('bridge');
    const outcome = await cniAsync(node, {
      artifact,
      command: 'ADD',
      stdin: 'no JSON',
      env: { CNI_IFNAME: undefined },
    });
    expect(failed(outcome).msg).toMatch(/CNI_CONTAINERID|CNI_IFNAME/);
  });
});

describeOnKernel('masquerade and leftovers', () => {
  test('the outside sees the node, and what stays behind is noticed', async () => {
    using node = createNode({ outside: true });
    using server = await sourceServer(node.outside);
    const pods = runtime(node, reference('bridge'), bridge(node, { ipMasq: true }));
    const before = leftovers(node);
    const container = node.container();
    succeeded(pods.add(container));
    expect(seenFrom(container.ns, { address: OUTSIDE_ADDRESS[4], port: server.port })).toBe('203.0.113.2');
    expect(leftovers(node).nat.length).toBeGreaterThan(0);
    succeeded(pods.del(container));
    expect(leftovers(node)).toEqual(before);
  });

  test('leases, records and half-written files count, what stays with the network does not', () => {
    using node = createNode();
    const stays = ['pods/lock', 'pods/last_reserved_ip.0', '.trestle/pods/boot'];
    const left = ['pods/10.89.0.2', '.trestle/pods/c1:eth0', '.trestle/pods/boot.7.tmp'];
    for (const path of [...stays, ...left]) {
      mkdirSync(join(node.dataDir, dirname(path)), { recursive: true });
      writeFileSync(join(node.dataDir, path), 'x');
    }
    expect(Object.keys(leftovers(node).files)).toEqual([...left].sort());
  });

  test('without masquerade the outside has no way back, unless it was given one', async () => {
    for (const routesBack of [[], ['10.89.0.0/24', 'fd00:89::/64']]) {
      using node = createNode({ outside: true, routesBack });
      using server = await sourceServer(node.outside);
      const container = node.container();
      const ips = succeeded(runtime(node, reference('bridge'), bridge(node)).add(container)).ips ?? [];
      const seen = seenFrom(container.ns, { address: OUTSIDE_ADDRESS[4], port: server.port }, 0.3);
      expect(seen).toBe(routesBack.length === 0 ? undefined : ips[0]?.address.split('/')[0]);
    }
  });
});
