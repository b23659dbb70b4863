/** Real router advertisements: they configure neither container nor bridge, and the node keeps what its own router gave it. */

import { expect, test } from 'bun:test';
import type { Artifact } from '../support/artifacts.ts';
import { failed, succeeded } from '../support/cni.ts';
import { advertise } from '../support/frames.ts';
import { addresses, cidrs, routes, setSysctl, sysctl } from '../support/kernel.ts';
import { createNetns, ipBatch, type Netns } from '../support/netns.ts';
import { createNode, type ScratchNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import {
  type Config,
  e2e,
  eventually,
  FORWARDING,
  ipam,
  mustLink,
  network,
  stopForwarding,
  V4,
} from './support/network.ts';

const STRAY = { prefix: '2001:db8:bad::', mac: '0a:00:00:00:00:66' };
const UPLINK = { prefix: '2001:db8:1::', mac: '0a:00:00:00:00:01' };
const acceptRa = (ns: Netns, dev: string) => sysctl(ns, `net/ipv6/conf/${dev}/accept_ra`);
const fromRouter = (ns: Netns, dev: string) =>
  routes(ns, 6).filter((route) => route.protocol === 'ra' && route.dst === 'default' && route.dev === dev);
const stray = (ns: Netns, dev: string) => addresses(ns, dev).filter(({ cidr }) => cidr.startsWith('2001:db8:bad:'));

/** A link of the node to a namespace of its own; `hears` says whether the node may take advertisements there. */
function neighbour(node: ScratchNode, dev: string, mac: string, hears: boolean): Netns & Disposable {
  const ns = createNetns();
  for (const where of [node.ns, ns]) setSysctl(where, 'net/ipv6/conf/default/accept_dad', 0);
  ipBatch(node.ns, `link add ${dev} type veth peer name ${dev} address ${mac} netns ${ns.name}`);
  setSysctl(node.ns, `net/ipv6/conf/${dev}/accept_ra`, hears ? 1 : 0);
  ipBatch(ns, `link set ${dev} up`);
  ipBatch(node.ns, `link set ${dev} up`);
  return ns;
}

/** A host on the bridge that takes every advertisement: it proves that there was one. */
function witness(node: ScratchNode, bridge: string): Netns & Disposable {
  const ns = neighbour(node, 'wit0', '0a:00:00:00:00:77', false);
  setSysctl(ns, 'net/ipv6/conf/wit0/accept_ra', 2);
  ipBatch(node.ns, `link set wit0 master ${bridge}`);
  return ns;
}

function forgetful(options: Parameters<typeof createNode>[0] = {}): ScratchNode {
  const node = createNode(options);
  stopForwarding(node.ns);
  setSysctl(node.ns, 'net/ipv6/conf/default/accept_ra', 1);
  return node;
}

const pods = (node: ScratchNode, artifact: Artifact, extra: Config = {}) =>
  runtime(node, artifact, network(node, extra));
const v4Only = (node: ScratchNode) => ({ ipam: ipam(node, [V4.subnet]) });

e2e('a router advertisement of a container', (artifact) => {
  test.each(['dual stack', 'IPv4 alone'])('configures neither the other containers nor the node: %s', async (which) => {
    using node = forgetful();
    const extra = which === 'IPv4 alone' ? v4Only(node) : {};
    const [victim, rogue] = [node.container(), node.container()];
    setSysctl(victim.ns, 'net/ipv6/conf/default/accept_ra', 2);
    for (const container of [victim, rogue]) succeeded(pods(node, artifact, extra).add(container));
    using host = witness(node, 'cni0');
    eventually(() => {
      advertise(rogue.ns, 'eth0', STRAY);
      expect(stray(host, 'wit0')).not.toEqual([]);
    });
    expect([stray(victim.ns, 'eth0'), stray(node.ns, 'cni0')]).toEqual([[], []]);
    expect([fromRouter(victim.ns, 'eth0'), fromRouter(node.ns, 'cni0')]).toEqual([[], []]);
  });

  test('does not configure the node where somebody else made the bridge', () => {
    using node = forgetful();
    ipBatch(node.ns, 'link add cni0 type bridge\n link set cni0 up');
    setSysctl(node.ns, 'net/ipv6/conf/cni0/accept_ra', 2);
    const rogue = node.container();
    succeeded(pods(node, artifact).add(rogue));
    expect(acceptRa(node.ns, 'cni0')).toBe('0');
    using host = witness(node, 'cni0');
    eventually(() => {
      advertise(rogue.ns, 'eth0', STRAY);
      expect(stray(host, 'wit0')).not.toEqual([]);
    });
    expect(stray(node.ns, 'cni0')).toEqual([]);
  });

  test('is accepted again by a bridge of ours, and CHECK tells', () => {
    using node = forgetful();
    const container = node.container();
    const call = pods(node, artifact);
    succeeded(call.add(container));
    succeeded(call.check(container));
    setSysctl(node.ns, 'net/ipv6/conf/cni0/accept_ra', 2);
    expect(failed(call.check(container))).toMatchObject({
      code: 105,
      msg: 'the bridge cni0 accepts router advertisements: net.ipv6.conf.cni0.accept_ra is 2, expected 0',
    });
    succeeded(call.add(node.container()));
    succeeded(call.check(container));
  });
});

e2e('a bridge that is not ours to close', (artifact) => {
  test('is one that the node is no gateway on', () => {
    using node = forgetful();
    ipBatch(node.ns, 'link add cni0 type bridge');
    const layer2 = { isDefaultGateway: false, ipMasq: false };
    succeeded(pods(node, artifact, layer2).add(node.container()));
    expect(acceptRa(node.ns, 'cni0')).toBe('1');
  });

  test('is one with a port to the outside', () => {
    using node = forgetful();
    ipBatch(
      node.ns,
      'link add cni0 type bridge\n link add tun0 type vxlan id 5 dstport 4789 dev lo\n link set tun0 master cni0',
    );
    succeeded(pods(node, artifact, v4Only(node)).add(node.container()));
    expect(acceptRa(node.ns, 'cni0')).toBe('1');
  });

  test('is one over which the node got its default route, and which it keeps when it begins to forward', () => {
    using node = forgetful();
    ipBatch(node.ns, 'link add cni0 type bridge\n link set cni0 up');
    setSysctl(node.ns, 'net/ipv6/conf/cni0/accept_ra', 1);
    using router = neighbour(node, 'up0', UPLINK.mac, false);
    ipBatch(node.ns, 'link set up0 master cni0');
    hear(node, router, 'cni0');
    succeeded(pods(node, artifact).add(node.container()));
    expect([acceptRa(node.ns, 'cni0'), sysctl(node.ns, FORWARDING[6])]).toEqual(['2', '1']);
    expect(fromRouter(node.ns, 'cni0')).toHaveLength(1);
  });
});

e2e('the default route that a router gave the node', (artifact) => {
  test('stays when ADD turns forwarding on, and is renewed', () => {
    using node = forgetful();
    using router = neighbour(node, 'up0', UPLINK.mac, true);
    hear(node, router, 'up0');
    succeeded(pods(node, artifact).add(node.container()));
    expect([acceptRa(node.ns, 'up0'), sysctl(node.ns, FORWARDING[6])]).toEqual(['2', '1']);
    expect(fromRouter(node.ns, 'up0')).toHaveLength(1);
    eventually(() => {
      advertise(router, 'up0', { ...UPLINK, prefix: '2001:db8:2::' });
      expect(cidrs(node.ns, 'up0').some((cidr) => cidr.startsWith('2001:db8:2:'))).toBe(true);
    });
  });

  test('would be lost otherwise', () => {
    using node = forgetful();
    using router = neighbour(node, 'up0', UPLINK.mac, true);
    hear(node, router, 'up0');
    setSysctl(node.ns, FORWARDING[6], 1);
    expect(fromRouter(node.ns, 'up0')).toEqual([]);
  });

  test('stays as it is where the network is of IPv4 alone', () => {
    using node = forgetful();
    using router = neighbour(node, 'up0', UPLINK.mac, true);
    hear(node, router, 'up0');
    succeeded(pods(node, artifact, v4Only(node)).add(node.container()));
    expect([acceptRa(node.ns, 'up0'), fromRouter(node.ns, 'up0').length]).toEqual(['1', 1]);
  });

  test('is the only reason to change an interface', () => {
    using node = forgetful();
    using silent = neighbour(node, 'up0', UPLINK.mac, true);
    using closed = neighbour(node, 'up1', '0a:00:00:00:00:02', false);
    expect([silent.name, closed.name]).not.toContain(node.ns.name);
    ipBatch(
      node.ns,
      'address add 2001:db8:3::2/64 dev up1 nodad\n route add default via 2001:db8:3::1 dev up1 proto ra',
    );
    succeeded(pods(node, artifact).add(node.container()));
    expect([acceptRa(node.ns, 'up0'), acceptRa(node.ns, 'up1')]).toEqual(['1', '0']);
  });
});

/** Waits until the node has its default route from the router. */
function hear(node: ScratchNode, router: Netns, dev: string): void {
  eventually(() => {
    advertise(router, 'up0', UPLINK);
    expect(fromRouter(node.ns, dev)).toHaveLength(1);
  });
  expect(mustLink(node.ns, dev).flags).toContain('UP');
}
