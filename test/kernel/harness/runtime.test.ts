/** The harness itself, on the reference plugins, which speak the same protocol. */

import { expect, test } from 'bun:test';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { artifacts, reference } from '../support/artifacts.ts';
import { cni, cniAsync, failed, type Outcome, succeeded } from '../support/cni.ts';
import { addresses, bridgePorts, cidrs, link, links, routes, setSysctl, sysctl } from '../support/kernel.ts';
import { leftovers } from '../support/leftovers.ts';
import { createNetns, exec, ipBatch, tryExec } from '../support/netns.ts';
import { nftElements, nftSnapshot } from '../support/nft.ts';
import { createNode, OUTSIDE_ADDRESS, type ScratchNode } from '../support/node.ts';
import { describeOnKernel } from '../support/privilege.ts';
import { runtime } from '../support/runtime.ts';
import { multicastReceiver, ping, seenFrom, sendMulticast, sourceServer } from '../support/traffic.ts';

function bridge(node: ScratchNode, extra: object = {}) {
  const ranges = [[{ subnet: '10.89.0.0/24' }], [{ subnet: 'fd00:89::/64' }]];
  const ipam = { type: 'host-local', dataDir: node.dataDir, ranges, routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }] };
  return { cniVersion: '1.0.0', name: 'pods', type: 'bridge', bridge: 'cni0', isGateway: true, ipam, ...extra };
}

describeOnKernel('namespaces', () => {
  test('are fresh, and gone at the end of the block', () => {
    let path: string;
    {
      using ns = createNetns();
      path = ns.path;
      expect(links(ns).map((found) => [found.ifname, found.operstate])).toEqual([['lo', 'DOWN']]);
      expect(nftSnapshot(ns)).toEqual([]);
    }
    expect(existsSync(path)).toBe(false);
  });

  test('go even while something runs inside', async () => {
    const ns = createNetns();
    const server = await sourceServer(ns);
    ns.delete();
    expect(existsSync(ns.path)).toBe(false);
    server.stop();
  });

  test('of a process that was killed are removed by its reaper', async () => {
    const script = `import { createNode } from '${import.meta.dir}/../support/node.ts';
      const node = createNode(); node.container();
      console.log(JSON.stringify([node.ns.path, node.directory])); process.kill(process.pid, 'SIGKILL');`;
    const child = Bun.spawnSync([process.execPath, '-e', script]);
    const left = JSON.parse(child.stdout.toString()) as string[];
    for (let tries = 0; left.some(existsSync) && tries < 100; tries++) await Bun.sleep(50);
    expect(left.filter(existsSync)).toEqual([]);
  });

  test('sysctls are those of the namespace', () => {
    using ns = createNetns();
    setSysctl(ns, 'net/ipv4/ip_forward', 1);
    expect(sysctl(ns, 'net/ipv4/ip_forward')).toBe('1');
    expect(sysctl(ns, 'net/ipv4/nonsense')).toBeUndefined();
  });

  test('a failing command names itself and what it said', () => {
    using ns = createNetns();
    expect(() => exec(ns, ['ip', 'link', 'show', 'nothere'])).toThrow(/ip link show nothere.*does not exist/s);
    expect(tryExec(ns, ['false']).status).toBe(1);
  });
});

describeOnKernel('a node', () => {
  test('reaches the outside on both families at once', async () => {
    using node = createNode({ outside: true, uplinkMtu: 1400 });
    using server = await sourceServer(node.outside);
    for (const family of [4, 6] as const) {
      expect(ping(node.ns, OUTSIDE_ADDRESS[family])).toBe(true);
      for (const protocol of ['tcp', 'udp'] as const) {
        const seen = seenFrom(node.ns, { address: OUTSIDE_ADDRESS[family], port: server.port, protocol });
        expect(seen).toBe(family === 4 ? '203.0.113.2' : '2001:db8:ffff::2');
      }
      expect(routes(node.ns, family).filter((route) => route.dst === 'default')).toHaveLength(1);
    }
    expect(link(node.ns, 'eth0')?.mtu).toBe(1400);
  });

  test('has no answer from where nobody is', () => {
    using node = createNode({ outside: true });
    expect(ping(node.ns, '203.0.113.77', { timeout: 1 })).toBe(false);
    expect(seenFrom(node.ns, { address: '203.0.113.1', port: 9 }, 0.3)).toBeUndefined();
    expect(seenFrom(node.ns, { address: '203.0.113.1', port: 9, protocol: 'udp' }, 0.3)).toBeUndefined();
  });

  test('hears multicast on both families', async () => {
    using node = createNode({ outside: true });
    using four = await multicastReceiver(node.outside, 'eth0', '239.1.2.3');
    sendMulticast(node.ns, 'eth0', '239.1.2.3');
    expect(await four.wait()).toEqual(['203.0.113.2']);
    using six = await multicastReceiver(node.outside, 'eth0', 'ff05::1:3');
    sendMulticast(node.ns, 'eth0', 'ff05::1:3');
    expect(await six.wait()).toHaveLength(1);
  });

  test('keeps its files in one directory, gone afterwards', () => {
    const node = createNode();
    expect(readdirSync(node.directory)).toEqual([]);
    expect(existsSync(node.writeConf('10-pods.conflist', { name: 'pods' }))).toBe(true);
    node.delete();
    node.delete();
    expect([node.directory, node.ns.path].filter(existsSync)).toEqual([]);
  });
});

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

  test('elements of sets are read with their comments', () => {
    using ns = createNetns();
    const ruleset = `table inet t {
      set s { type ipv4_addr; elements = { 10.1.0.2 comment "c1/eth0", 10.1.0.3 } }
      set p { type ipv6_addr . inet_service; elements = { fd00::2 . 80 } }
      map m { type ipv4_addr : ipv4_addr; elements = { 10.1.0.2 : 10.1.0.9 } }
    }`;
    exec(ns, ['nft', '-f', '-'], { stdin: ruleset });
    expect(nftElements(ns, 's')).toEqual([
      { family: 'inet', table: 't', set: 's', value: '10.1.0.2', comment: 'c1/eth0' },
      { family: 'inet', table: 't', set: 's', value: '10.1.0.3' },
    ]);
    expect(nftElements(ns).map((element) => element.value)).toContain('fd00::2 . 80');
    expect(nftElements(ns, 'm')[0]?.value).toBe('10.1.0.2 : 10.1.0.9');
    const before = nftSnapshot(ns);
    exec(ns, ['nft', 'delete', 'element', 'inet', 't', 's', '{ 10.1.0.3 }']);
    expect(nftSnapshot(ns)).not.toEqual(before);
    ipBatch(ns, 'link set lo up');
  });
});
