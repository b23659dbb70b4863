/** The harness itself: namespaces, nodes and what is read from the kernel. */

import { expect, test } from 'bun:test';
import { existsSync, readdirSync } from 'node:fs';
import { link, links, routes, setSysctl, sysctl } from '../../support/kernel.ts';
import { createNetns, exec, ipBatch, tryExec } from '../../support/netns.ts';
import { nftElements, nftSnapshot } from '../../support/nft.ts';
import { createNode, OUTSIDE_ADDRESS } from '../../support/node.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { multicastReceiver, ping, seenFrom, sendMulticast, sourceServer } from '../../support/traffic.ts';

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
    const script = `import { createNode } from '${import.meta.dir}/../../support/node.ts';
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

describeOnKernel('the packet filter', () => {
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
