/** ADD: what the container, the bridge and the node have afterwards. */

import { expect, test } from 'bun:test';
import { succeeded } from '../support/cni.ts';
import { addresses, cidrs, routes, sysctl } from '../support/kernel.ts';
import { nftElements } from '../support/nft.ts';
import { createNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { e2e, FORWARDING, hostVeth, ipam, isUp, mustLink, network, stopForwarding, V4, V6 } from './support/network.ts';

/** The owner text of an attachment: the data directory is not the default, so a hash of it stands behind the network. */
const ownerPattern = (id: string) => `pods@[0-9a-f]{8}/${id}/eth0`;

e2e('ADD', (artifact) => {
  test('joins the first container to a bridge that is not there yet', () => {
    using node = createNode();
    const container = node.container();
    const outcome = runtime(node, artifact, network(node)).add(container);
    const result = succeeded(outcome);
    expect(outcome.stderr).toBe('');

    const inside = mustLink(container.ns, 'eth0');
    const outside = hostVeth(node, container);
    const bridge = mustLink(node.ns, 'cni0');
    expect([inside, outside, bridge, mustLink(container.ns, 'lo')].map(isUp)).toEqual([true, true, true, true]);
    expect(outside).toMatchObject({
      master: 'cni0',
      ifalias: expect.stringMatching(new RegExp(`^trestle:${ownerPattern(container.id)} `)),
    });
    expect(bridge).toMatchObject({ linkinfo: { info_kind: 'bridge' } });
    expect(result.interfaces).toEqual([
      { name: 'cni0', mac: bridge.address },
      { name: outside.ifname, mac: outside.address },
      { name: 'eth0', mac: inside.address, mtu: inside.mtu, sandbox: container.netnsPath },
    ]);
  });

  test('gives addresses, default routes, forwarding and masquerading in both families', () => {
    using node = createNode();
    stopForwarding(node.ns);
    const container = node.container();
    succeeded(runtime(node, artifact, network(node)).add(container));
    expect(cidrs(container.ns, 'eth0')).toEqual([`${V4.first}/24`, `${V6.first}/64`]);
    expect(addresses(container.ns, 'eth0')[0]).toMatchObject({ scope: 'global', broadcast: '10.89.0.255' });
    for (const [family, { gateway }] of [[4, V4] as const, [6, V6] as const]) {
      const found = routes(container.ns, family).filter(({ dst }) => dst === 'default');
      expect(found).toMatchObject([{ gateway, dev: 'eth0' }]);
    }
    expect(cidrs(node.ns, 'cni0')).toEqual([`${V4.gateway}/24`, `${V6.gateway}/64`]);
    expect(sysctl(node.ns, FORWARDING[4])).toBe('1');
    expect(sysctl(node.ns, FORWARDING[6])).toBe('1');
    const owner = expect.stringMatching(new RegExp(`^${ownerPattern(container.id)}$`));
    expect(nftElements(node.ns)).toMatchObject([
      { value: V4.first, comment: owner },
      { value: V6.first, comment: owner },
    ]);
  });

  test('joins a second container, with names and addresses of its own', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const [first, second] = [node.container(), node.container()];
    succeeded(pods.add(first));
    const before = mustLink(first.ns, 'eth0');
    succeeded(pods.add(second));
    expect(mustLink(first.ns, 'eth0')).toEqual(before);
    expect(cidrs(first.ns, 'eth0')).toEqual([`${V4.first}/24`, `${V6.first}/64`]);
    expect(cidrs(second.ns, 'eth0')).toEqual([`${V4.second}/24`, `${V6.second}/64`]);
    expect(mustLink(second.ns, 'eth0').address).not.toBe(before.address);
    expect(hostVeth(node, second).ifname).not.toBe(hostVeth(node, first).ifname);
    expect(cidrs(node.ns, 'cni0')).toEqual([`${V4.gateway}/24`, `${V6.gateway}/64`]);
    expect(nftElements(node.ns).map(({ value }) => value)).toEqual([V4.first, V4.second, V6.first, V6.second]);
  });

  test('joins one container to two networks', () => {
    using node = createNode();
    const container = node.container();
    const other = network(node, {
      ...{ name: 'storage', bridge: 'cni1', isDefaultGateway: false, isGateway: true },
      ipam: ipam(node, ['10.90.0.0/24']),
    });
    succeeded(runtime(node, artifact, network(node)).add(container));
    succeeded(runtime(node, artifact, other).add(container, { ifName: 'net1' }));
    expect(cidrs(container.ns, 'eth0')).toEqual([`${V4.first}/24`, `${V6.first}/64`]);
    expect(cidrs(container.ns, 'net1')).toEqual(['10.90.0.2/24']);
    expect(hostVeth(node, container, 'net1').master).toBe('cni1');
    expect(routes(container.ns, 4).filter(({ dst }) => dst === 'default')).toMatchObject([{ dev: 'eth0' }]);
  });

  test('IPv4 only: nothing of IPv6 is touched', () => {
    using node = createNode();
    stopForwarding(node.ns);
    const container = node.container();
    const result = succeeded(runtime(node, artifact, network(node, { ipam: ipam(node, [V4.subnet]) })).add(container));
    expect(result.ips).toEqual([{ address: `${V4.first}/24`, gateway: V4.gateway, interface: 2 }]);
    expect(cidrs(container.ns, 'eth0')).toEqual([`${V4.first}/24`]);
    expect(routes(container.ns, 6)).toEqual([]);
    expect(cidrs(node.ns, 'cni0')).toEqual([`${V4.gateway}/24`]);
    expect(sysctl(node.ns, FORWARDING[6])).toBe('0');
    expect(sysctl(node.ns, FORWARDING[4])).toBe('1');
  });

  test('IPv6 only: nothing of IPv4 is touched', () => {
    using node = createNode();
    stopForwarding(node.ns);
    const container = node.container();
    const result = succeeded(runtime(node, artifact, network(node, { ipam: ipam(node, [V6.subnet]) })).add(container));
    expect(result.ips).toEqual([{ address: `${V6.first}/64`, gateway: V6.gateway, interface: 2 }]);
    expect(cidrs(container.ns, 'eth0')).toEqual([`${V6.first}/64`]);
    expect(routes(container.ns, 4)).toEqual([]);
    expect(cidrs(node.ns, 'cni0')).toEqual([`${V6.gateway}/64`]);
    expect(sysctl(node.ns, FORWARDING[4])).toBe('0');
    expect(sysctl(node.ns, FORWARDING[6])).toBe('1');
  });

  test('two addresses of one family, from two range sets', () => {
    using node = createNode();
    const container = node.container();
    const config = network(node, { isDefaultGateway: false, ipam: ipam(node, [V4.subnet, '10.90.0.0/24']) });
    const result = succeeded(runtime(node, artifact, config).add(container));
    expect(result.ips?.map(({ address }) => address)).toEqual([`${V4.first}/24`, '10.90.0.2/24']);
    expect(cidrs(container.ns, 'eth0')).toEqual([`${V4.first}/24`, '10.90.0.2/24']);
    expect(nftElements(node.ns).map(({ value }) => value)).toEqual([V4.first, '10.90.0.2']);
  });
});
