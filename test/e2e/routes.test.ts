/** Routes in the container, and which of them isGateway and isDefaultGateway make. */

import { expect, test } from 'bun:test';
import { failed, succeeded } from '../support/cni.ts';
import { cidrs, type Route, routes, sysctl } from '../support/kernel.ts';
import { leftovers } from '../support/leftovers.ts';
import { exec, type Netns } from '../support/netns.ts';
import { createNode, type ScratchNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { e2e, FORWARDING, ipam, network, stopForwarding, V4, V6 } from './support/network.ts';

/** What `ip` calls a default route, and the others without those of the subnets. */
function beyondSubnets(ns: Netns): Route[] {
  return ([4, 6] as const)
    .flatMap((family) => routes(ns, family))
    .filter(({ dst }) => dst !== V4.subnet && dst !== V6.subnet);
}

e2e('gateways', (artifact) => {
  test('isGateway alone: the bridge has the gateway addresses, the container no default route', () => {
    using node = createNode();
    const container = node.container();
    const config = network(node, { isGateway: true, isDefaultGateway: false });
    const result = succeeded(runtime(node, artifact, config).add(container));
    expect(cidrs(node.ns, 'cni0')).toEqual([`${V4.gateway}/24`, `${V6.gateway}/64`]);
    expect(beyondSubnets(container.ns)).toEqual([]);
    expect(result.routes ?? []).toEqual([]);
    expect(result.ips?.map(({ gateway }) => gateway)).toEqual([V4.gateway, V6.gateway]);
  });

  test('none of them: the bridge has no address, and the node need not forward', () => {
    using node = createNode();
    stopForwarding(node.ns);
    const container = node.container();
    succeeded(runtime(node, artifact, network(node, { isDefaultGateway: false })).add(container));
    expect(cidrs(node.ns, 'cni0')).toEqual([]);
    expect(cidrs(container.ns, 'eth0')).toEqual([`${V4.first}/24`, `${V6.first}/64`]);
    expect(Object.values(FORWARDING).map((name) => sysctl(node.ns, name))).toEqual(['0', '0']);
  });

  test('a gateway that is not the first address of its subnet', () => {
    using node = createNode();
    const container = node.container();
    const ranges = [
      { subnet: V4.subnet, gateway: '10.89.0.254' },
      { subnet: V6.subnet, gateway: 'fd00:89::ffff' },
    ];
    succeeded(runtime(node, artifact, network(node, { ipam: ipam(node, ranges) })).add(container));
    expect(cidrs(node.ns, 'cni0')).toEqual(['10.89.0.254/24', 'fd00:89::ffff/64']);
    expect(beyondSubnets(container.ns)).toMatchObject([
      { dst: 'default', gateway: '10.89.0.254' },
      { dst: 'default', gateway: 'fd00:89::ffff' },
    ]);
  });

  test('isDefaultGateway does not overrule the default route that IPAM brings', () => {
    using node = createNode();
    const container = node.container();
    const config = network(node, {
      ipam: ipam(node, [V4.subnet, V6.subnet], { routes: [{ dst: '0.0.0.0/0', gw: '10.89.0.200' }] }),
    });
    const result = succeeded(runtime(node, artifact, config).add(container));
    expect(beyondSubnets(container.ns)).toMatchObject([
      { dst: 'default', gateway: '10.89.0.200' },
      { dst: 'default', gateway: V6.gateway },
    ]);
    expect(result.routes).toEqual([
      { dst: '0.0.0.0/0', gw: '10.89.0.200' },
      { dst: '::/0', gw: V6.gateway },
    ]);
  });
});

e2e('routes of the ipam section', (artifact) => {
  test('go through their own gateway, or through that of their family', () => {
    using node = createNode();
    const container = node.container();
    const wanted = [
      { dst: '192.0.2.0/24' },
      { dst: '198.51.100.0/24', gw: '10.89.0.7' },
      { dst: '2001:db8:1::/48' },
      { dst: '2001:db8:2::/48', gw: 'fd00:89::7' },
    ];
    const config = network(node, {
      isDefaultGateway: false,
      ipam: ipam(node, [V4.subnet, V6.subnet], { routes: wanted }),
    });
    const result = succeeded(runtime(node, artifact, config).add(container));
    expect(beyondSubnets(container.ns)).toMatchObject([
      { dst: '192.0.2.0/24', gateway: V4.gateway },
      { dst: '198.51.100.0/24', gateway: '10.89.0.7' },
      { dst: '2001:db8:1::/48', gateway: V6.gateway },
      { dst: '2001:db8:2::/48', gateway: 'fd00:89::7' },
    ]);
    expect(result.routes).toEqual(wanted);
  });

  test('have all that CNI 1.1.0 gives them', () => {
    using node = createNode();
    const container = node.container();
    const special = {
      dst: '192.0.2.0/24',
      gw: V4.gateway,
      mtu: 1300,
      advmss: 1200,
      priority: 77,
      table: 100,
      scope: 200,
    };
    const config = network(node, { ipam: ipam(node, [V4.subnet], { routes: [special] }) });
    const result = succeeded(runtime(node, artifact, config).add(container));
    const table = JSON.parse(exec(container.ns, ['ip', '-j', 'route', 'show', 'table', '100']));
    expect(table).toMatchObject([{ dst: '192.0.2.0/24', gateway: V4.gateway, dev: 'eth0', metric: 77, scope: 'site' }]);
    expect(table[0].metrics).toEqual([{ mtu: 1300, advmss: 1200 }]);
    expect(result.routes?.[0]).toEqual(special);
  });

  test('are made once where the same one is there twice', () => {
    using node = createNode();
    const container = node.container();
    const twice = ['192.0.2.0/24', '192.0.2.7/24', '2001:db8:1::/48', '2001:db8:1::/48'].map((dst) => ({ dst }));
    const config = network(node, {
      isDefaultGateway: false,
      ipam: ipam(node, [V4.subnet, V6.subnet], { routes: twice }),
    });
    const pods = runtime(node, artifact, config);
    expect(succeeded(pods.add(container)).routes).toEqual([{ dst: '192.0.2.0/24' }, { dst: '2001:db8:1::/48' }]);
    expect(beyondSubnets(container.ns).map(({ dst }) => dst)).toEqual(['192.0.2.0/24', '2001:db8:1::/48']);
    succeeded(pods.check(container));
  });

  test('are made once where one names the gateway that the other implies', () => {
    using node = createNode();
    const container = node.container();
    const same = [{ dst: '192.0.2.0/24' }, { dst: '192.0.2.0/24', gw: V4.gateway }];
    const config = network(node, { isDefaultGateway: false, ipam: ipam(node, [V4.subnet], { routes: same }) });
    const pods = runtime(node, artifact, config);
    succeeded(pods.add(container));
    expect(beyondSubnets(container.ns)).toMatchObject([{ dst: '192.0.2.0/24', gateway: V4.gateway }]);
    succeeded(pods.check(container));
  });

  test('to one destination may differ in gateway or priority, as the kernel allows', () => {
    using node = createNode();
    const container = node.container();
    const wanted = [
      { dst: '192.0.2.0/24', gw: '10.89.0.7' },
      { dst: '192.0.2.0/24', gw: '10.89.0.8' },
      { dst: '192.0.2.0/24', gw: '10.89.0.8', priority: 9 },
      { dst: '2001:db8:1::/48', gw: 'fd00:89::7' },
      { dst: '2001:db8:1::/48', gw: 'fd00:89::8' },
      { dst: '2001:db8:1::/48', gw: 'fd00:89::8', priority: 9 },
    ];
    const config = network(node, {
      isDefaultGateway: false,
      ipam: ipam(node, [V4.subnet, V6.subnet], { routes: wanted }),
    });
    const pods = runtime(node, artifact, config);
    succeeded(pods.add(container));
    const v4 = routes(container.ns, 4).filter(({ dst }) => dst === '192.0.2.0/24');
    // The kernel puts the later of two with one priority before the earlier.
    expect(v4.map(({ gateway, metric }) => [gateway, metric])).toEqual([
      ['10.89.0.8', undefined],
      ['10.89.0.7', undefined],
      ['10.89.0.8', 9],
    ]);
    const v6 = exec(container.ns, ['ip', '-6', 'route', 'show', '2001:db8:1::/48']);
    expect(v6).toMatch(/metric 9\b/);
    expect(v6).toMatch(/nexthop via fd00:89::7 .*\n.*nexthop via fd00:89::8 /);
    succeeded(pods.check(container));
  });

  test('that the kernel would refuse are refused before anything is changed', () => {
    using node = createNode();
    const container = node.container();
    const before = leftovers(node);
    const same = { dst: '2001:db8:1::/48', gw: V6.gateway };
    const config = network(node, { ipam: ipam(node, [V6.subnet], { routes: [same, { ...same, mtu: 1400 }] }) });
    const error = failed(runtime(node, artifact, config).add(container));
    expect(error).toMatchObject({ code: 7, msg: expect.stringContaining('ipam.routes[0] and ipam.routes[1]') });
    expect(leftovers(node)).toEqual(before);
  });
});

e2e('the default routes of two networks', (artifact) => {
  const other = (node: ScratchNode) =>
    network(node, { name: 'back', bridge: 'cni1', ipam: ipam(node, ['10.90.0.0/24', 'fd00:90::/64']) });

  test('are there both, that of the network added last first, as the reference has it', () => {
    using node = createNode();
    const container = node.container();
    const [front, back] = [runtime(node, artifact, network(node)), runtime(node, artifact, other(node))];
    succeeded(front.add(container));
    succeeded(back.add(container, { ifName: 'eth1' }));
    expect(routes(container.ns, 4).filter(({ dst }) => dst === 'default')).toMatchObject([
      { gateway: '10.90.0.1', dev: 'eth1' },
      { gateway: V4.gateway, dev: 'eth0' },
    ]);
    succeeded(front.check(container));
    succeeded(back.check(container, { ifName: 'eth1' }));
    succeeded(back.del(container, { ifName: 'eth1' }));
    for (const family of [4, 6] as const) {
      expect(routes(container.ns, family).filter(({ dst }) => dst === 'default')).toMatchObject([{ dev: 'eth0' }]);
    }
    succeeded(front.check(container));
    succeeded(front.del(container));
  });
});
