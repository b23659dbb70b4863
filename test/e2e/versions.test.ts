/** The result in each version of the specification, key by key; and VERSION. */

import { describe, expect, test } from 'bun:test';
import { cni, failed, succeeded } from '../support/cni.ts';
import { type Container, createNode, type ScratchNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { type Config, e2e, footprint, hostVeth, ipam, isUp, mustLink, network, V4, V6 } from './support/network.ts';

const OLD = ['0.1.0', '0.2.0'];
const WITH_FAMILY = ['0.3.0', '0.3.1', '0.4.0'];
const ALL = [...OLD, ...WITH_FAMILY, '1.0.0', '1.1.0'];
const DNS = { nameservers: ['192.0.2.53'], domain: 'example.org', search: ['example.org'], options: ['ndots:2'] };
const ROUTE = { dst: '192.0.2.0/24', gw: V4.gateway };

function config(node: ScratchNode, cniVersion: string): Config {
  const routes = [{ ...ROUTE, mtu: 1400, priority: 7 }];
  return network(node, { cniVersion, dns: DNS, ipam: ipam(node, [V4.subnet, V6.subnet], { routes }) });
}

/** Since 0.3.0: the links as the kernel has them, `mtu` since 1.1.0. */
function interfaces(node: ScratchNode, container: Container, withMtu: boolean): Config[] {
  const inside = mustLink(container.ns, 'eth0');
  const outside = hostVeth(node, container);
  return [
    { name: 'cni0', mac: mustLink(node.ns, 'cni0').address },
    { name: outside.ifname, mac: outside.address },
    { name: 'eth0', mac: inside.address, ...(withMtu && { mtu: inside.mtu }), sandbox: container.netnsPath },
  ];
}

function ips(withFamily: boolean): Config[] {
  return [
    { ...(withFamily && { version: '4' }), interface: 2, address: `${V4.first}/24`, gateway: V4.gateway },
    { ...(withFamily && { version: '6' }), interface: 2, address: `${V6.first}/64`, gateway: V6.gateway },
  ];
}

const DEFAULT_4 = { dst: '0.0.0.0/0', gw: V4.gateway };
const DEFAULT_6 = { dst: '::/0', gw: V6.gateway };

e2e('the result', (artifact) => {
  test.each(OLD)('of %s', (cniVersion) => {
    using node = createNode();
    const result: unknown = succeeded(runtime(node, artifact, config(node, cniVersion)).add(node.container()));
    expect(result).toEqual({
      cniVersion,
      ip4: { ip: `${V4.first}/24`, gateway: V4.gateway, routes: [ROUTE, DEFAULT_4] },
      ip6: { ip: `${V6.first}/64`, gateway: V6.gateway, routes: [DEFAULT_6] },
      dns: DNS,
    });
  });

  test.each(WITH_FAMILY)('of %s', (cniVersion) => {
    using node = createNode();
    const container = node.container();
    const result: unknown = succeeded(runtime(node, artifact, config(node, cniVersion)).add(container));
    expect(result).toEqual({
      cniVersion,
      interfaces: interfaces(node, container, false),
      ips: ips(true),
      routes: [ROUTE, DEFAULT_4, DEFAULT_6],
      dns: DNS,
    });
  });

  test('of 1.0.0', () => {
    using node = createNode();
    const container = node.container();
    const result: unknown = succeeded(runtime(node, artifact, config(node, '1.0.0')).add(container));
    expect(result).toEqual({
      cniVersion: '1.0.0',
      interfaces: interfaces(node, container, false),
      ips: ips(false),
      routes: [ROUTE, DEFAULT_4, DEFAULT_6],
      dns: DNS,
    });
  });

  test('of 1.1.0', () => {
    using node = createNode();
    const container = node.container();
    const result: unknown = succeeded(runtime(node, artifact, config(node, '1.1.0')).add(container));
    expect(result).toEqual({
      cniVersion: '1.1.0',
      interfaces: interfaces(node, container, true),
      ips: ips(false),
      routes: [{ ...ROUTE, mtu: 1400, priority: 7 }, DEFAULT_4, DEFAULT_6],
      dns: DNS,
    });
  });

  test('of a configuration without cniVersion is that of 0.1.0', () => {
    using node = createNode();
    const { cniVersion: _, ...rest } = config(node, '');
    const result = succeeded(runtime(node, artifact, rest).add(node.container()));
    expect(Object.keys(result).sort()).toEqual(['cniVersion', 'dns', 'ip4', 'ip6']);
    expect(result.cniVersion).toBe('0.1.0');
  });

  test('of one family has nothing of the other', () => {
    using node = createNode();
    const only = (subnet: string) => ({ cniVersion: '0.2.0', ipam: ipam(node, [subnet]) });
    const four = succeeded(runtime(node, artifact, network(node, only(V4.subnet))).add(node.container()));
    expect(Object.keys(four).sort()).toEqual(['cniVersion', 'dns', 'ip4']);
    const six = network(node, { ...only(V6.subnet), name: 'six', bridge: 'cni1' });
    const result = succeeded(runtime(node, artifact, six).add(node.container()));
    expect(Object.keys(result).sort()).toEqual(['cniVersion', 'dns', 'ip6']);
  });

  test('before 0.3.0 has room for one address a family', () => {
    using node = createNode();
    const two = network(node, { cniVersion: '0.2.0', ipam: ipam(node, [V4.subnet, '10.90.0.0/24']) });
    expect(failed(runtime(node, artifact, two).add(node.container())).code).toBe(7);
  });
});

e2e('a round', (artifact) => {
  test.each(ALL)('of ADD, ADD of another one, DEL with the result, in %s', (cniVersion) => {
    using node = createNode();
    const pods = runtime(node, artifact, config(node, cniVersion));
    const [first, second] = [node.container(), node.container()];
    succeeded(pods.add(first));
    if (cniVersion >= '0.4.0') succeeded(pods.check(first));
    succeeded(pods.add(second));
    succeeded(pods.del(first));
    expect(isUp(mustLink(second.ns, 'eth0'))).toBe(true);
  });
});

e2e('VERSION', (artifact) => {
  describe('answers with all versions, in the version it was asked in', () => {
    test.each(ALL)('%s', (cniVersion) => {
      using node = createNode();
      const before = footprint(node);
      const result: unknown = succeeded(cni(node, { artifact, command: 'VERSION', config: { cniVersion } }));
      expect(result).toEqual({ cniVersion, supportedVersions: ALL });
      expect(footprint(node)).toEqual(before);
    });
  });

  test('answers whatever stands on stdin, without any other variable', () => {
    using node = createNode();
    const env = { CNI_CONTAINERID: undefined, CNI_NETNS: undefined, CNI_IFNAME: undefined, CNI_PATH: undefined };
    for (const stdin of ['', 'no JSON', '{"cniVersion":"9.9.9"}']) {
      const result = succeeded(cni(node, { artifact, command: 'VERSION', env, stdin }));
      expect(result.supportedVersions).toEqual(ALL);
    }
  });
});
