/** IPv6 that can be used at once, and is nobody's to configure but ours. */

import { expect, test } from 'bun:test';
import { failed, succeeded } from '../support/cni.ts';
import { addresses, setSysctl, sysctl } from '../support/kernel.ts';
import { leftovers } from '../support/leftovers.ts';
import { ipBatch, type Netns } from '../support/netns.ts';
import { createNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { ping } from '../support/traffic.ts';
import { e2e, ipam, network, V6 } from './support/network.ts';
import { traced } from './support/strace.ts';

/** The flags of the one IPv6 address of a link. */
function flags(ns: Netns, dev: string): string[] | undefined {
  return addresses(ns, dev).find(({ family }) => family === 'inet6')?.flags;
}

e2e('IPv6', (artifact) => {
  test('answers right after ADD: no address waits for duplicate address detection', () => {
    using node = createNode();
    const container = node.container();
    succeeded(runtime(node, artifact, network(node, { ipam: ipam(node, [V6.subnet]) })).add(container));
    const found = [flags(container.ns, 'eth0'), flags(node.ns, 'cni0')];
    expect(found).toEqual([['nodad'], ['nodad']]);
    expect(ping(container.ns, V6.gateway, { timeout: 1 })).toBe(true);
    expect(ping(node.ns, V6.first, { timeout: 1 })).toBe(true);
  });

  test('is reached from beyond the node right after the ADD that made the bridge', () => {
    using node = createNode({ outside: true, routesBack: [V6.subnet] });
    succeeded(runtime(node, artifact, network(node)).add(node.container()));
    expect(ping(node.outside, V6.first, { timeout: 1 })).toBe(true);
  });

  test('enabledad: duplicate address detection is done in the container', () => {
    using node = createNode();
    const container = node.container();
    succeeded(runtime(node, artifact, network(node, { enabledad: true })).add(container));
    expect(flags(container.ns, 'eth0')).not.toContain('nodad');
    expect(flags(node.ns, 'cni0')).toContain('nodad');
  });

  test('enabledad: an address that is unique can be used when ADD returns', () => {
    using node = createNode();
    const container = node.container();
    succeeded(runtime(node, artifact, network(node, { enabledad: true })).add(container));
    expect(flags(container.ns, 'eth0')).not.toContain('tentative');
    expect(ping(container.ns, V6.gateway, { timeout: 1 })).toBe(true);
  });

  test('enabledad: an address that another host on the bridge has is refused, and nothing is left', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node, { enabledad: true }));
    const [other, container] = [node.container(), node.container()];
    succeeded(pods.add(other));
    ipBatch(other.ns, `address add ${V6.second}/64 dev eth0 nodad`);
    const before = leftovers(node);
    expect(failed(pods.add(container))).toMatchObject({
      code: 102,
      msg: `cannot give eth0 the address ${V6.second}: another host on the bridge has it`,
    });
    expect(leftovers(node)).toEqual(before);
  });

  test('without enabledad nobody is asked', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const [other, container] = [node.container(), node.container()];
    succeeded(pods.add(other));
    ipBatch(other.ns, `address add ${V6.second}/64 dev eth0 nodad`);
    succeeded(pods.add(container));
  });

  test('router advertisements configure neither the container nor the node', () => {
    using node = createNode();
    const container = node.container();
    setSysctl(container.ns, 'net/ipv6/conf/default/accept_ra', 2);
    setSysctl(node.ns, 'net/ipv6/conf/default/accept_ra', 2);
    succeeded(runtime(node, artifact, network(node)).add(container));
    expect(sysctl(container.ns, 'net/ipv6/conf/eth0/accept_ra')).toBe('0');
    expect(sysctl(node.ns, 'net/ipv6/conf/cni0/accept_ra')).toBe('0');
  });

  test('nor do they where the container has no IPv6 address of ours', () => {
    using node = createNode();
    const container = node.container();
    setSysctl(container.ns, 'net/ipv6/conf/default/accept_ra', 2);
    succeeded(runtime(node, artifact, network(node, { ipam: { dataDir: node.dataDir } })).add(container));
    expect(sysctl(container.ns, 'net/ipv6/conf/eth0/accept_ra')).toBe('0');
  });

  test("a container's parameters are not looked up among those of all others, where finding them takes the longer the more there are", () => {
    using node = createNode();
    succeeded(runtime(node, artifact, network(node)).add(node.container()));
    const spy = traced(node, artifact, '-e trace=open,openat');
    succeeded(runtime(node, spy.artifact, network(node)).add(node.container()));
    const opened = spy.lines().filter((line) => line.includes('sys/net/ipv6/conf/eth0'));
    expect(opened.length).toBeGreaterThan(1);
    expect(opened.filter((line) => line.includes('/proc/'))).toEqual([]);
  });

  test.each(['fsopen', 'fsconfig', 'fsmount'])('unless a proc of their own cannot be had: %s', (call) => {
    using node = createNode();
    const container = node.container();
    setSysctl(container.ns, 'net/ipv6/conf/default/accept_ra', 2);
    const refused = traced(node, artifact, `-e trace=${call} -e inject=${call}:error=EPERM`);
    succeeded(runtime(node, refused.artifact, network(node)).add(container));
    expect(refused.lines().join('\n')).toContain('EPERM');
    expect(sysctl(container.ns, 'net/ipv6/conf/eth0/accept_ra')).toBe('0');
    expect(ping(container.ns, V6.gateway)).toBe(true);
  });

  test('is given to a container whose namespace has it disabled', () => {
    using node = createNode();
    const container = node.container();
    setSysctl(container.ns, 'net/ipv6/conf/all/disable_ipv6', 1);
    setSysctl(container.ns, 'net/ipv6/conf/default/disable_ipv6', 1);
    succeeded(runtime(node, artifact, network(node)).add(container));
    expect(ping(container.ns, V6.gateway)).toBe(true);
    expect(ping(container.ns, '::1')).toBe(true);
  });

  test('is given to a bridge whose node has it disabled for new links', () => {
    using node = createNode();
    const container = node.container();
    setSysctl(node.ns, 'net/ipv6/conf/default/disable_ipv6', 1);
    succeeded(runtime(node, artifact, network(node)).add(container));
    expect(ping(container.ns, V6.gateway)).toBe(true);
  });
});
