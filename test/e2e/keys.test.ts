/** Keys that are nearly right, and keys that runtimes add. */

import { expect, test } from 'bun:test';
import { succeeded } from '../support/cni.ts';
import { cidrs, routes } from '../support/kernel.ts';
import { leftovers } from '../support/leftovers.ts';
import { createNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { type Config, e2e, ipam, mustLink, network, V4, V6 } from './support/network.ts';

e2e('a key that differs in case only', (artifact) => {
  test('works as in the reference, with a warning on stderr', () => {
    using node = createNode();
    const container = node.container();
    const { isDefaultGateway: _, ipMasq: __, ...config } = network(node, { mtu: undefined });
    const odd = { ...config, isdefaultgateway: true, IPMASQ: true, MTU: 1400 };
    const outcome = runtime(node, artifact, odd).add(container);
    succeeded(outcome);
    expect(routes(container.ns, 4)[0]).toMatchObject({ dst: 'default', gateway: V4.gateway });
    expect(mustLink(container.ns, 'eth0').mtu).toBe(1400);
    expect(leftovers(node).elements).toHaveLength(2);
    for (const key of ['isdefaultgateway', 'IPMASQ', 'MTU']) expect(outcome.stderr).toContain(`"${key}"`);
    for (const key of ['isDefaultGateway', 'ipMasq', 'mtu']) expect(outcome.stderr).toContain(`"${key}"`);
  });

  test('works below other keys, too', () => {
    using node = createNode();
    const container = node.container();
    const ranges = [[{ Subnet: V4.subnet, rangestart: '10.89.0.40' }]];
    const config = network(node, { ipam: { Type: 'trestle-ipam', datadir: node.dataDir, Ranges: ranges } });
    const outcome = runtime(node, artifact, config).add(container);
    succeeded(outcome);
    expect(cidrs(container.ns, 'eth0')).toEqual(['10.89.0.40/24']);
    expect(Object.keys(leftovers(node).files)).toContain('pods/10.89.0.40');
    expect(outcome.stderr).toContain('ipam.datadir');
  });

  test('gives way to the right one beside it', () => {
    using node = createNode();
    const container = node.container();
    succeeded(runtime(node, artifact, network(node, { MTU: 1400, mtu: 1300 })).add(container));
    expect(mustLink(container.ns, 'eth0').mtu).toBe(1300);
  });
});

e2e('a key that looks misspelt', (artifact) => {
  test('has no effect, and the right one is suggested on stderr', () => {
    using node = createNode();
    const container = node.container();
    const { isDefaultGateway: _, ...config } = network(node);
    const misspelt = { ...config, isDefaultGatway: true, ipMask: true };
    const outcome = runtime(node, artifact, misspelt).add(container);
    succeeded(outcome);
    expect(routes(container.ns, 4).map(({ dst }) => dst)).toEqual([V4.subnet]);
    expect(outcome.stderr).toMatch(/"isDefaultGatway".*"isDefaultGateway"/);
    expect(outcome.stderr).toMatch(/"ipMask".*"ipMasq"/);
    expect(outcome.stdout).toBe(`${JSON.stringify(outcome.result)}\n`);
  });

  test('is told of by CHECK and DEL as well', () => {
    using node = createNode();
    const container = node.container();
    const pods = runtime(node, artifact, network(node, { hairpinmod: true }));
    for (const outcome of [pods.add(container), pods.check(container), pods.del(container)]) {
      succeeded(outcome);
      expect(outcome.stderr).toContain('"hairpinMode"');
    }
  });
});

e2e('a key of a range that stands beside "ranges"', (artifact) => {
  test.each(['gateway', 'rangeStart', 'rangeEnd'])('%s has no effect, and ADD says so', (key) => {
    using node = createNode();
    const container = node.container();
    const section = ipam(node, [V4.subnet], { [key]: '10.89.0.9' });
    const outcome = runtime(node, artifact, network(node, { ipam: section })).add(container);
    succeeded(outcome);
    expect(cidrs(container.ns, 'eth0')).toEqual([`${V4.first}/24`]);
    expect(outcome.stderr).toContain(`the key "ipam.${key}" has no effect without "ipam.subnet"`);
  });
});

/** What runtimes and administrators write, and none of it is for us. */
const OTHERS: [string, Config][] = [
  ['capabilities', { capabilities: { portMappings: true, ips: true } }],
  ['portMappings', { runtimeConfig: { portMappings: [{ hostPort: 80, containerPort: 80, protocol: 'tcp' }] } }],
  ['bandwidth', { runtimeConfig: { bandwidth: { ingressRate: 1000 } } }],
  ['cgroupPath and podAnnotations', { runtimeConfig: { cgroupPath: '/kubepods', podAnnotations: { a: 'b' } } }],
  ['labels', { args: { cni: { labels: [{ key: 'app', value: 'web' }] } } }],
  ['the lists of GC', { 'cni.dev/attachments': [], 'cni.dev/valid-attachments': [] }],
  ['disableCheck', { disableCheck: true, disableGC: true }],
  ['a key of one own', { 'example.org/note': 'made by hand', _comment: 'x', x: 1 }],
  ['prevResult of another plugin', { prevResult: { cniVersion: '1.1.0', interfaces: [{ name: 'lo' }] } }],
];

e2e('keys that are for others', (artifact) => {
  test.each(OTHERS)('%s: neither harm nor warning', (_, extra) => {
    using node = createNode();
    const container = node.container();
    const outcome = runtime(node, artifact, network(node, extra)).add(container);
    succeeded(outcome);
    expect(outcome.stderr).toBe('');
    expect(cidrs(container.ns, 'eth0')).toEqual([`${V4.first}/24`, `${V6.first}/64`]);
  });
});

e2e('a value that says nothing', (artifact) => {
  test('is as if the key were not there: null, and zero', () => {
    using node = createNode();
    const container = node.container();
    const nulls = {
      mtu: null,
      dns: null,
      args: null,
      runtimeConfig: null,
      hairpinMode: null,
      vlan: 0,
      prevResult: null,
    };
    const section = ipam(node, [V4.subnet], { routes: null, resolvConf: '', rangeStart: '' });
    const outcome = runtime(node, artifact, network(node, { ...nulls, ipMasqBackend: '', ipam: section })).add(
      container,
    );
    succeeded(outcome);
    expect(outcome.stderr).toBe('');
    expect(cidrs(container.ns, 'eth0')).toEqual([`${V4.first}/24`]);
  });
});
