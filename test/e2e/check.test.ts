/** CHECK: what it accepts, what it needs to be asked with, and that it only reads. */

import { expect, test } from 'bun:test';
import { type CniResult, failed, succeeded } from '../support/cni.ts';
import { leftovers } from '../support/leftovers.ts';
import { ipBatch } from '../support/netns.ts';
import { createNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { e2e, footprint, ipam, network, V4, V6 } from './support/network.ts';

e2e('CHECK', (artifact) => {
  test('passes after ADD, says nothing and changes nothing', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node, { hairpinMode: true, mtu: 1400 }));
    const [first, second] = [node.container(), node.container()];
    for (const container of [first, second]) succeeded(pods.add(container));
    const before = { left: leftovers(node), print: footprint(node) };
    for (const container of [first, second]) {
      const outcome = pods.check(container);
      expect([outcome.status, outcome.stdout, outcome.stderr]).toEqual([0, '', '']);
    }
    expect({ left: leftovers(node), print: footprint(node) }).toEqual(before);
  });

  test.each([
    ['IPv4', [V4.subnet]],
    ['IPv6', [V6.subnet]],
  ])('passes with %s only', (_, subnets) => {
    using node = createNode();
    const container = node.container();
    const pods = runtime(node, artifact, network(node, { ipam: ipam(node, subnets) }));
    succeeded(pods.add(container));
    succeeded(pods.check(container));
  });

  test('passes where nothing is asked of gateway and masquerading', () => {
    using node = createNode();
    const container = node.container();
    const pods = runtime(node, artifact, network(node, { isDefaultGateway: false, ipMasq: false }));
    succeeded(pods.add(container));
    succeeded(pods.check(container));
  });

  test('tolerates what chained plugins add: routes, addresses, promiscuity, an MTU', () => {
    using node = createNode();
    const container = node.container();
    const pods = runtime(node, artifact, network(node));
    succeeded(pods.add(container));
    ipBatch(
      container.ns,
      `address add 192.0.2.7/24 dev eth0
       address add 2001:db8:7::7/64 dev eth0
       route add 198.51.100.0/24 via ${V4.gateway}
       route add 2001:db8:9::/48 via ${V6.gateway}
       link set eth0 promisc on mtu 1300 txqueuelen 500`,
    );
    succeeded(pods.check(container));
  });

  test('tolerates a MAC that a chained plugin set, and told of in its result', () => {
    using node = createNode();
    const container = node.container();
    const pods = runtime(node, artifact, network(node));
    const result = succeeded(pods.add(container));
    const mac = '0a:00:00:00:00:42';
    ipBatch(container.ns, `link set eth0 address ${mac}`);
    const interfaces = result.interfaces?.map((link) => (link.name === 'eth0' ? { ...link, mac } : link));
    succeeded(pods.check(container, { prevResult: { ...result, interfaces: interfaces ?? [] } }));
  });

  test('tolerates interfaces and addresses of chained plugins in the result', () => {
    using node = createNode();
    const container = node.container();
    const pods = runtime(node, artifact, network(node));
    const result = succeeded(pods.add(container));
    const added: CniResult = {
      ...result,
      interfaces: [...(result.interfaces ?? []), { name: 'ifb0', mac: '0a:00:00:00:00:07' }],
      ips: [...(result.ips ?? []), { address: '192.0.2.9/24', interface: 3 }],
    };
    succeeded(pods.check(container, { prevResult: added }));
  });

  test('takes the result in an older form than the configuration', () => {
    using node = createNode();
    const container = node.container();
    const pods = runtime(node, artifact, network(node, { cniVersion: '0.4.0' }));
    const result = succeeded(pods.add(container));
    expect(result.ips?.[0]?.version).toBe('4');
    succeeded(pods.check(container, { config: network(node), prevResult: result }));
  });
});

const BROKEN = ['nonsense', [], 7, { ips: 'none' }, { ips: [{ address: 'nonsense' }] }] as const;

e2e('CHECK compares with prevResult', (artifact) => {
  const other: [string, (result: CniResult) => CniResult, RegExp][] = [
    [
      'another address',
      (result) => ({ ...result, ips: [{ address: '10.89.0.99/24', interface: 2 }] }),
      /10\.89\.0\.99/,
    ],
    ['one address of two', (result) => ({ ...result, ips: result.ips?.slice(0, 1) ?? [] }), /fd00:89::2/],
    ['a route more', (result) => ({ ...result, routes: [{ dst: '192.0.2.0/24' }] }), /192\.0\.2\.0\/24/],
  ];
  test.each(other)('%s', (_, change, message) => {
    using node = createNode();
    const container = node.container();
    const pods = runtime(node, artifact, network(node));
    const prevResult = change(succeeded(pods.add(container)));
    const error = failed(pods.check(container, { prevResult }));
    expect(error.code).toBe(105);
    expect(error.msg).toMatch(message);
  });

  test('without one it cannot be done', () => {
    using node = createNode();
    const container = node.container();
    const pods = runtime(node, artifact, network(node));
    succeeded(pods.add(container));
    const error = failed(pods.check(container, { prevResult: null }));
    expect(error.code).toBe(7);
    expect(error.msg).toContain('prevResult is missing');
  });

  for (const broken of BROKEN) {
    test(`with a broken one: ${JSON.stringify(broken)}`, () => {
      using node = createNode();
      const container = node.container();
      const pods = runtime(node, artifact, network(node));
      succeeded(pods.add(container));
      const error = failed(pods.check(container, { prevResult: broken as unknown as CniResult }));
      expect(error.code).toBe(6);
      expect(error.msg).toContain('prevResult');
    });
  }
});

e2e('CHECK fails', (artifact) => {
  test('for a container that was never added', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const [there, never] = [node.container(), node.container()];
    const prevResult = succeeded(pods.add(there));
    expect(failed(pods.check(never, { prevResult })).code).toBe(105);
  });

  test('after DEL', () => {
    using node = createNode();
    const container = node.container();
    const pods = runtime(node, artifact, network(node));
    succeeded(pods.add(container));
    succeeded(pods.del(container));
    expect(failed(pods.check(container)).code).toBe(105);
  });

  test('when the namespace is gone', () => {
    using node = createNode();
    const container = node.container();
    const pods = runtime(node, artifact, network(node));
    succeeded(pods.add(container));
    container.ns.delete();
    expect(failed(pods.check(container)).msg).toContain(container.netnsPath);
  });

  test.each(['0.1.0', '0.2.0', '0.3.0', '0.3.1'])('under cniVersion %s, which does not have it', (cniVersion) => {
    using node = createNode();
    const container = node.container();
    const pods = runtime(node, artifact, network(node, { cniVersion }));
    succeeded(pods.add(container));
    const error = failed(pods.check(container));
    expect(error).toMatchObject({ cniVersion, code: 1, msg: 'config version does not allow CHECK' });
    expect(error.details).toContain(cniVersion);
  });
});
