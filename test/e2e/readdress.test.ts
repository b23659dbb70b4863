/** A bridge that has another address than the network's gateway. */

import { expect, test } from 'bun:test';
import { failed, succeeded } from '../support/cni.ts';
import { addresses, cidrs } from '../support/kernel.ts';
import { leftovers } from '../support/leftovers.ts';
import { exec } from '../support/netns.ts';
import { type Container, createNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { ping } from '../support/traffic.ts';
import { e2e, eventually, ipam, network, V6 } from './support/network.ts';

const OLD = '10.91.0.0/24';
const NEW = '10.92.0.0/24';

e2e('after a change of the subnet', (artifact) => {
  test('a bridge that nobody uses gets the new gateway address', () => {
    using node = createNode();
    const before = runtime(node, artifact, network(node, { ipam: ipam(node, [OLD]) }));
    const gone = node.container();
    succeeded(before.add(gone));
    succeeded(before.del(gone));
    const container = node.container();
    succeeded(runtime(node, artifact, network(node, { ipam: ipam(node, [NEW]) })).add(container));
    expect(cidrs(node.ns, 'cni0').filter((cidr) => cidr.startsWith('10.'))).toEqual(['10.92.0.1/24']);
    expect(ping(container.ns, '10.92.0.1')).toBe(true);
  });

  test('a bridge in use keeps its address; the error names both, the port, and the way out', () => {
    using node = createNode();
    succeeded(runtime(node, artifact, network(node, { ipam: ipam(node, [OLD]) })).add(node.container()));
    const container = node.container();
    const snapshot = leftovers(node);
    const error = failed(runtime(node, artifact, network(node, { ipam: ipam(node, [NEW]) })).add(container));
    expect(error.code).toBe(102);
    expect(error.msg).toContain('10.92.0.1/24');
    expect(error.msg).toContain('10.91.0.1/24');
    expect(error.details).toMatch(/in use by veth[0-9a-f]{11}\..*forceAddress/);
    expect(leftovers(node)).toEqual(snapshot);
  });

  test('forceAddress replaces it all the same', () => {
    using node = createNode();
    succeeded(runtime(node, artifact, network(node, { ipam: ipam(node, [OLD]) })).add(node.container()));
    const container = node.container();
    const forced = network(node, { ipam: ipam(node, [NEW]), forceAddress: true });
    succeeded(runtime(node, artifact, forced).add(container));
    expect(cidrs(node.ns, 'cni0').filter((cidr) => cidr.startsWith('10.'))).toEqual(['10.92.0.1/24']);
    expect(ping(container.ns, '10.92.0.1')).toBe(true);
  });

  test('an IPv6 address of another subnet stays beside the new one', () => {
    using node = createNode();
    succeeded(runtime(node, artifact, network(node, { ipam: ipam(node, ['fd00:91::/64']) })).add(node.container()));
    succeeded(runtime(node, artifact, network(node, { ipam: ipam(node, ['fd00:92::/64']) })).add(node.container()));
    const global = cidrs(node.ns, 'cni0').filter((cidr) => cidr.startsWith('fd00'));
    expect(global).toEqual(['fd00:91::1/64', 'fd00:92::1/64']);
  });

  test('a bridge that somebody else made and addressed is used as it is', () => {
    using node = createNode();
    exec(node.ns, ['ip', 'link', 'add', 'cni0', 'type', 'bridge']);
    exec(node.ns, ['ip', 'address', 'add', '10.92.0.1/24', 'dev', 'cni0']);
    const container = node.container();
    succeeded(runtime(node, artifact, network(node, { ipam: ipam(node, [NEW]) })).add(container));
    expect(ping(container.ns, '10.92.0.1')).toBe(true);
  });
});

e2e('the gateways of one network', (artifact) => {
  const reach = (container: Container, gateway: string) => expect(ping(container.ns, gateway)).toBe(true);

  test.each([
    ['IPv4', { subnet: OLD, rangeStart: '10.91.0.9', rangeEnd: '10.91.0.9' }, { subnet: NEW }, '10.92.0.1'],
    [
      'IPv6',
      { subnet: 'fd00:91::/64', rangeStart: 'fd00:91::9', rangeEnd: 'fd00:91::9' },
      { subnet: 'fd00:92::/64' },
      'fd00:92::1',
    ],
  ])('of all ranges of a set stand beside each other, %s', (_, first, second, gateway) => {
    using node = createNode();
    const config = network(node, { ipam: { ...ipam(node, []), ranges: [[first, second]] } });
    const pods = runtime(node, artifact, config);
    const containers = [node.container(), node.container(), node.container()];
    for (const container of containers) succeeded(pods.add(container));
    const [one, two, three] = containers as [Container, Container, Container];
    reach(one, gateway.replace('92', '91'));
    for (const container of [two, three]) reach(container, gateway);
    for (const container of containers) succeeded(pods.check(container));
  });

  test.each([
    ['10.91.0.0/24', '10.91.0.0/16', '10.91.0.1'],
    ['fd00:91::/64', 'fd00:91::/48', 'fd00:91::1'],
  ])('follow a subnet that is made larger in place: %s, then %s', (old, larger, gateway) => {
    using node = createNode();
    const before = runtime(node, artifact, network(node, { ipam: ipam(node, [old]) }));
    const [running, next] = [node.container(), node.container()];
    succeeded(before.add(running));
    const after = runtime(node, artifact, network(node, { ipam: ipam(node, [larger]) }));
    succeeded(after.add(next));
    for (const container of [running, next]) reach(container, gateway);
    const [address] = addresses(next.ns, 'eth0').map(({ cidr }) => cidr.split('/')[0]);
    reach(running, address as string);
    succeeded(before.check(running));
    succeeded(after.check(next));
  });

  test('may be link-local, whatever address the kernel gives the bridge', () => {
    using node = createNode();
    for (const forceAddress of [false, true]) {
      const section = ipam(node, [{ subnet: V6.subnet, gateway: 'fe80::1' }]);
      const pods = runtime(node, artifact, network(node, { forceAddress, ipam: section }));
      const container = node.container();
      succeeded(pods.add(container));
      // The container's own link-local address is tentative for a second.
      eventually(() => reach(container, 'fe80::1%eth0'));
      succeeded(pods.check(container));
    }
    expect(addresses(node.ns, 'cni0', { linkLocal: true })).toHaveLength(2);
  });

  test.each([false, true])(
    'may be link-local beside the one that the kernel gave the bridge, forceAddress %p',
    (force) => {
      using node = createNode();
      const linkLocal = () =>
        addresses(node.ns, 'cni0', { linkLocal: true }).filter(({ cidr }) => cidr.startsWith('fe80'));
      succeeded(
        runtime(node, artifact, network(node, { name: 'first', ipam: ipam(node, [OLD]) })).add(node.container()),
      );
      eventually(() => expect(linkLocal()).toHaveLength(1));
      const made = linkLocal().map(({ cidr }) => cidr);
      const section = ipam(node, [{ subnet: V6.subnet, gateway: 'fe80::1' }]);
      const pods = runtime(node, artifact, network(node, { forceAddress: force, ipam: section }));
      const container = node.container();
      expect(pods.add(container)).toMatchObject({ status: 0, stderr: '' });
      const cidrsNow = linkLocal().map(({ cidr }) => cidr);
      expect(cidrsNow.sort()).toEqual([...made, 'fe80::1/64'].sort());
      eventually(() => reach(container, 'fe80::1%eth0'));
      succeeded(pods.check(container));
    },
  );
});
