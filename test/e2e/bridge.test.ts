/** The bridge: made once, the same for as long as it is there, and the same again when it is made anew. */

import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { type CniResult, succeeded } from '../support/cni.ts';
import { cidrs, link, setSysctl, sysctl } from '../support/kernel.ts';
import { exec, ipBatch } from '../support/netns.ts';
import { createNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { ping } from '../support/traffic.ts';
import { withMachineId, withoutWritableProc, withReadOnly } from './support/mounts.ts';
import { e2e, FORWARDING, hostVeth, ipam, isUp, mustLink, network, stopForwarding, V4, V6 } from './support/network.ts';

e2e('the bridge', (artifact) => {
  test('keeps its MAC while ports come and go, and stays when the last one goes', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const containers = [node.container(), node.container()];
    const macs = containers.map((container) => {
      succeeded(pods.add(container));
      return mustLink(node.ns, 'cni0').address;
    });
    for (const container of containers) {
      succeeded(pods.del(container));
      macs.push(mustLink(node.ns, 'cni0').address);
    }
    expect(new Set(macs).size).toBe(1);
    expect(cidrs(node.ns, 'cni0')).toEqual([`${V4.gateway}/24`, `${V6.gateway}/64`]);
  });

  test('has the same MAC when it is made again, another than a bridge of another name', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const mac = (result: CniResult) => result.interfaces?.[0]?.mac;
    const first = succeeded(pods.add(node.container()));
    exec(node.ns, ['ip', 'link', 'delete', 'cni0']);
    const second = succeeded(pods.add(node.container()));
    expect(mac(second)).toBe(mustLink(node.ns, 'cni0').address);
    expect(mac(second)).toBe(mac(first) as string);
    const other = network(node, {
      name: 'other',
      bridge: 'cni1',
      ipam: { dataDir: node.dataDir },
      isDefaultGateway: false,
    });
    succeeded(runtime(node, artifact, other).add(node.container()));
    expect(mustLink(node.ns, 'cni1').address).not.toBe(mac(second) as string);
  });

  test('has a MAC of its own on each of two machines without an ID', () => {
    using one = createNode();
    using other = createNode();
    const macs = [one, other].map((node) => {
      const pods = runtime(node, withMachineId(node, artifact, ''), network(node));
      for (let count = 0; count < 2; count++) succeeded(pods.add(node.container()));
      return mustLink(node.ns, 'cni0').address;
    });
    expect(new Set(macs).size).toBe(2);
  });

  test('stays ours when the machine gets another ID: nobody uses it, so it follows a changed subnet', () => {
    using node = createNode();
    const gone = node.container();
    const before = runtime(node, withMachineId(node, artifact, '1'.repeat(32)), network(node));
    succeeded(before.add(gone));
    succeeded(before.del(gone));
    const config = network(node, { ipam: ipam(node, ['10.92.0.0/24']) });
    succeeded(runtime(node, withMachineId(node, artifact, '2'.repeat(32)), config).add(node.container()));
    expect(cidrs(node.ns, 'cni0')).toEqual(['10.92.0.1/24', `${V6.gateway}/64`]);
  });

  test('is called cni0 unless the configuration says otherwise', () => {
    using node = createNode();
    const { bridge: _, ...config } = network(node);
    succeeded(runtime(node, artifact, config).add(node.container()));
    expect(link(node.ns, 'cni0')?.linkinfo?.info_kind).toBe('bridge');
    succeeded(
      runtime(
        node,
        artifact,
        network(node, { name: 'b', bridge: 'br-fifteen-long', ipam: { dataDir: node.dataDir } }),
      ).add(node.container()),
    );
    expect(link(node.ns, 'br-fifteen-long')?.linkinfo?.info_kind).toBe('bridge');
  });

  test('is taken as it stands when the administrator made it, and is set up', () => {
    using node = createNode();
    ipBatch(node.ns, 'link add cni0 address 0a:00:00:00:00:01 type bridge\nlink set cni0 mtu 1280');
    const container = node.container();
    succeeded(runtime(node, artifact, network(node)).add(container));
    expect(mustLink(node.ns, 'cni0')).toMatchObject({ address: '0a:00:00:00:00:01', mtu: 1280 });
    expect(isUp(mustLink(node.ns, 'cni0'))).toBe(true);
    expect(hostVeth(node, container).master).toBe('cni0');
    expect(ping(container.ns, V4.gateway)).toBe(true);
  });

  test('gets back a gateway address that it lost, and forwarding is turned on again', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    succeeded(pods.add(node.container()));
    exec(node.ns, ['ip', 'address', 'flush', 'dev', 'cni0', 'scope', 'global']);
    stopForwarding(node.ns);
    expect(cidrs(node.ns, 'cni0')).toEqual([]);
    succeeded(pods.add(node.container()));
    expect(cidrs(node.ns, 'cni0')).toEqual([`${V4.gateway}/24`, `${V6.gateway}/64`]);
    expect(Object.values(FORWARDING).map((name) => sysctl(node.ns, name))).toEqual(['1', '1']);
  });

  test('carries two networks, whose IPv6 subnets lie side by side', () => {
    using node = createNode();
    const [first, second] = [node.container(), node.container()];
    succeeded(runtime(node, artifact, network(node, { ipam: ipam(node, [V6.subnet]) })).add(first));
    const other = network(node, { name: 'other', ipam: ipam(node, ['fd00:90::/64']) });
    succeeded(runtime(node, artifact, other).add(second));
    expect(cidrs(node.ns, 'cni0')).toEqual([`${V6.gateway}/64`, 'fd00:90::1/64']);
    expect(ping(first.ns, 'fd00:90::2')).toBe(true);
  });

  test('is made where /proc/sys is read-only, through a proc mount that nobody else sees', () => {
    using node = createNode();
    const container = node.container();
    stopForwarding(node.ns);
    for (const ns of [node.ns, container.ns]) setSysctl(ns, 'net/ipv6/conf/default/accept_ra', 1);
    setSysctl(node.ns, 'net/ipv6/conf/default/disable_ipv6', 1);
    const pods = runtime(node, withReadOnly(node, artifact, '/proc/sys'), network(node));
    succeeded(pods.add(container));
    for (const { gateway } of [V4, V6]) expect(ping(container.ns, gateway)).toBe(true);
    const names = [...Object.values(FORWARDING), 'net/ipv6/conf/cni0/accept_ra', 'net/ipv6/conf/cni0/accept_dad'];
    expect(names.map((name) => sysctl(node.ns, name))).toEqual(['1', '1', '0', '0']);
    succeeded(pods.check(container));
  });

  test('is made where the kernel refuses that mount too, if forwarding is on; the log tells what is not set', () => {
    using node = createNode();
    const container = node.container();
    for (const name of Object.values(FORWARDING)) setSysctl(node.ns, name, 1);
    setSysctl(node.ns, 'net/ipv6/conf/default/accept_ra', 1);
    setSysctl(container.ns, 'net/ipv6/conf/default/accept_ra', 0);
    const file = `${node.directory}/log`;
    const pods = runtime(node, withoutWritableProc(node, artifact), network(node, { log: { file, level: 'warn' } }));
    succeeded(pods.add(container));
    for (const { gateway } of [V4, V6]) expect(ping(container.ns, gateway)).toBe(true);
    expect(readFileSync(file, 'utf8')).toContain('cannot keep router advertisements of containers from the node');
    succeeded(pods.check(container));
  });
});
