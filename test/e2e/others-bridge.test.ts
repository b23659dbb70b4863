/** A bridge that is down, that somebody else made, or that has other ports. */

import { expect, test } from 'bun:test';
import type { Artifact } from '../support/artifacts.ts';
import { failed, succeeded } from '../support/cni.ts';
import { bridgePorts, cidrs, links } from '../support/kernel.ts';
import { leftovers } from '../support/leftovers.ts';
import { createNetns, exec, ipBatch, type Netns } from '../support/netns.ts';
import { createNode, type ScratchNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { ping } from '../support/traffic.ts';
import { type Config, e2e, ipam, isUp, mustLink, network, V4, V6 } from './support/network.ts';

const HOST = '10.89.0.200';
const pods = (node: ScratchNode, artifact: Artifact, extra: Config = {}) =>
  runtime(node, artifact, network(node, extra));

/** A host of somebody else's on the bridge cni0, which is made if need be. */
function otherPort(node: ScratchNode): Netns & Disposable {
  const host = createNetns();
  ipBatch(node.ns, `link add other0 type veth peer name eth0 netns ${host.name}\n link set other0 master cni0 up`);
  ipBatch(host, `address add ${HOST}/24 dev eth0\n link set eth0 up`);
  return host;
}

e2e('a bridge that is down', (artifact) => {
  test('is set up by ADD, and found by CHECK; the next ADD sets it up again', () => {
    using node = createNode();
    ipBatch(node.ns, 'link add cni0 type bridge');
    const call = pods(node, artifact);
    const container = node.container();
    succeeded(call.add(container));
    expect(isUp(mustLink(node.ns, 'cni0'))).toBe(true);
    ipBatch(node.ns, 'link set cni0 down');
    expect(failed(call.check(container))).toMatchObject({ code: 105, msg: 'the bridge cni0 is down, expected up' });
    const next = node.container();
    succeeded(call.add(next));
    for (const { ns } of [container, next]) expect(ping(ns, V4.gateway)).toBe(true);
    // IPv6 forgets the addresses of a link that goes down; ADD gave the gateway's back.
    expect(cidrs(node.ns, 'cni0')).toEqual([`${V4.gateway}/24`, `${V6.gateway}/64`]);
    succeeded(call.check(container));
  });

  test('is set up with the ports that it has', () => {
    using node = createNode();
    ipBatch(node.ns, 'link add cni0 type bridge');
    using host = otherPort(node);
    const container = node.container();
    succeeded(pods(node, artifact).add(container));
    expect([ping(container.ns, HOST), ping(host, V4.gateway)]).toEqual([true, true]);
  });
});

e2e('a bridge whose MAC follows its ports', (artifact) => {
  test.each([{}, { isDefaultGateway: false, ipMasq: false }])(
    'has in the result the MAC that it has then: %j',
    (extra) => {
      using node = createNode();
      ipBatch(node.ns, 'link add cni0 type bridge');
      const { interfaces = [] } = succeeded(pods(node, artifact, extra).add(node.container()));
      expect(interfaces[0]?.mac).toBe(mustLink(node.ns, 'cni0').address);
    },
  );
});

e2e('a LAN bridge that has the MAC of its network card', (artifact) => {
  test('keeps it whoever comes and goes, at layer 2, and it is in the result', () => {
    using node = createNode();
    // A MAC that is not low, as that of a virtual machine's card.
    const NIC = '7a:16:3e:00:00:01';
    ipBatch(node.ns, `link add cni0 up type bridge\n link add nic0 address ${NIC} up type veth peer name lan0`);
    ipBatch(node.ns, 'link set nic0 master cni0\n link set lan0 up');
    expect(mustLink(node.ns, 'cni0').address).toBe(NIC);
    const call = pods(node, artifact, { isDefaultGateway: false, ipMasq: false });
    const containers = Array.from({ length: 6 }, () => node.container());
    for (const container of containers) {
      expect(succeeded(call.add(container)).interfaces?.[0]?.mac).toBe(NIC);
      expect(mustLink(node.ns, 'cni0').address).toBe(NIC);
    }
    for (const container of containers) succeeded(call.del(container));
    expect(mustLink(node.ns, 'cni0').address).toBe(NIC);
  });
});

e2e('a bridge with other ports', (artifact) => {
  test('of ours goes on working for them, whoever comes and goes', () => {
    using node = createNode();
    const call = pods(node, artifact);
    const [one, two] = [node.container(), node.container()];
    succeeded(call.add(one));
    using host = otherPort(node);
    succeeded(call.add(two));
    for (const container of [one, two]) succeeded(call.check(container));
    succeeded(call.del(one));
    succeeded(call.gc([{ containerID: two.id, ifname: 'eth0' }]));
    expect([ping(two.ns, HOST), ping(host, V4.gateway)]).toEqual([true, true]);
    succeeded(call.gc([]));
    expect(bridgePorts(node.ns).map(({ ifname }) => ifname)).toEqual(['other0']);
    expect(ping(host, V4.gateway)).toBe(true);
  });

  test('without a gateway is joined as it stands', () => {
    using node = createNode();
    ipBatch(node.ns, 'link add cni0 type bridge\n link set cni0 up\n address add 10.89.0.77/24 dev cni0');
    using host = otherPort(node);
    const before = [cidrs(node.ns, 'cni0'), cidrs(host, 'eth0')];
    const container = node.container();
    const call = pods(node, artifact, { isDefaultGateway: false, ipMasq: false, ipam: ipam(node, [V4.subnet]) });
    succeeded(call.add(container));
    expect([ping(container.ns, HOST), ping(container.ns, '10.89.0.77')]).toEqual([true, true]);
    succeeded(call.del(container));
    expect([cidrs(node.ns, 'cni0'), cidrs(host, 'eth0')]).toEqual(before);
  });

  test('and another address is refused: the ports and the way out are named', () => {
    using node = createNode();
    ipBatch(node.ns, 'link add cni0 type bridge\n link set cni0 up\n address add 192.168.7.1/24 dev cni0');
    using host = otherPort(node);
    expect(host.exists()).toBe(true);
    const before = leftovers(node);
    const error = failed(pods(node, artifact).add(node.container()));
    expect(error).toMatchObject({
      code: 102,
      msg: `cannot give cni0 the gateway address ${V4.gateway}/24: it has 192.168.7.1/24 already`,
    });
    expect(error.details).toMatch(/in use by other0\. "forceAddress": true.*"bridge" of its own/);
    expect(leftovers(node)).toEqual(before);
    expect(cidrs(node.ns, 'cni0')).toEqual(['192.168.7.1/24']);
  });
});

e2e('a bridge that somebody else made', (artifact) => {
  const ADDRESSED = 'link add cni0 type bridge\n address add 192.168.7.1/24 dev cni0';

  test('keeps its address, though nobody uses it; what the error says helps', () => {
    using node = createNode();
    ipBatch(node.ns, ADDRESSED);
    const { code, details = '' } = failed(pods(node, artifact).add(node.container()));
    expect([code, cidrs(node.ns, 'cni0')]).toEqual([102, ['192.168.7.1/24']]);
    expect(details).toContain('forceAddress');
    const [, command] = /"ip (address delete [^"]+)"/.exec(details) ?? [];
    exec(node.ns, ['ip', ...String(command).split(' ')]);
    const container = node.container();
    succeeded(pods(node, artifact).add(container));
    expect(ping(container.ns, V4.gateway)).toBe(true);
  });

  test('gives it up where forceAddress says so', () => {
    using node = createNode();
    ipBatch(node.ns, ADDRESSED);
    succeeded(pods(node, artifact, { forceAddress: true }).add(node.container()));
    expect(cidrs(node.ns, 'cni0')).toEqual([`${V4.gateway}/24`, `${V6.gateway}/64`]);
  });

  test('is as it was when the last container goes', () => {
    using node = createNode();
    ipBatch(node.ns, 'link add cni0 type bridge\n link set cni0 up');
    const options = () => {
      const { flags, linkinfo, altnames } = mustLink(node.ns, 'cni0');
      return [flags.includes('PROMISC'), linkinfo?.info_data?.no_linklocal_learn, altnames];
    };
    const before = options();
    const layer2 = { isDefaultGateway: false, ipMasq: false, promiscMode: true, macspoofchk: true };
    const call = pods(node, artifact, layer2);
    const [one, two] = [node.container(), node.container()];
    for (const container of [one, two]) succeeded(call.add(container));
    expect(options().slice(0, 2)).toEqual([true, 1]);
    succeeded(call.del(one));
    succeeded(call.check(two));
    expect(failed(call.add(two)).code).toBe(102);
    succeeded(call.check(two));
    succeeded(call.del(two));
    expect(options()).toEqual(before);
  });

  test('stays, with its MAC, when the last container goes', () => {
    using node = createNode();
    ipBatch(node.ns, 'link add cni0 address 0a:00:00:00:00:05 type bridge');
    const container = node.container();
    const call = pods(node, artifact);
    succeeded(call.add(container));
    succeeded(call.del(container));
    expect(links(node.ns, 'bridge').map(({ ifname, address }) => [ifname, address])).toEqual([
      ['cni0', '0a:00:00:00:00:05'],
    ]);
  });
});
