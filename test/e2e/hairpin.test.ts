/** Hairpin: a container that talks to a service may well be sent back to itself. */

import { expect, test } from 'bun:test';
import { failed, succeeded } from '../support/cni.ts';
import { bridgePorts } from '../support/kernel.ts';
import { exec, type Netns } from '../support/netns.ts';
import { createNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { seenFrom, sourceServer } from '../support/traffic.ts';
import { e2e, hostVeth, network, V4, V6 } from './support/network.ts';

const SERVICE = { 4: '198.51.100.10', 6: '2001:db8:5::10' } as const;
const PORT = 7777;

/** What a service proxy does on a node: the service's address becomes the container's, and a container's own call the node's. */
function publish(node: Netns): void {
  const rules = [
    'add table inet services',
    'add chain inet services before { type nat hook prerouting priority -100; }',
    `add rule inet services before ip daddr ${SERVICE[4]} dnat ip to ${V4.first}`,
    `add rule inet services before ip6 daddr ${SERVICE[6]} dnat ip6 to ${V6.first}`,
    'add chain inet services after { type nat hook postrouting priority 100; }',
    `add rule inet services after ip saddr ${V4.first} ip daddr ${V4.first} masquerade`,
    `add rule inet services after ip6 saddr ${V6.first} ip6 daddr ${V6.first} masquerade`,
  ];
  exec(node, ['nft', '-f', '-'], { stdin: `${rules.join('\n')}\n` });
}

e2e('hairpin', (artifact) => {
  test('a container reaches itself under a service address', async () => {
    using node = createNode();
    const container = node.container();
    succeeded(runtime(node, artifact, network(node, { hairpinMode: true })).add(container));
    publish(node.ns);
    using server = await sourceServer(container.ns, PORT);
    expect(seenFrom(container.ns, { address: SERVICE[4], port: server.port })).toBe(V4.gateway);
    expect(seenFrom(container.ns, { address: SERVICE[6], port: server.port })).toBe(V6.gateway);
  });

  test('is on at the port of a container that asked for it, and off at the others', () => {
    using node = createNode();
    const [with_, without] = [node.container(), node.container()];
    succeeded(runtime(node, artifact, network(node, { hairpinMode: true })).add(with_));
    succeeded(runtime(node, artifact, network(node)).add(without));
    const port = (name: string) => bridgePorts(node.ns).find(({ ifname }) => ifname === name);
    expect(port(hostVeth(node, with_).ifname)).toMatchObject({ hairpin: true, master: 'cni0' });
    expect(port(hostVeth(node, without).ifname)).toMatchObject({ hairpin: false, master: 'cni0' });
  });

  test('and promiscuous mode exclude each other', () => {
    using node = createNode();
    const config = network(node, { hairpinMode: true, promiscMode: true });
    const error = failed(runtime(node, artifact, config).add(node.container()));
    expect(error.code).toBe(7);
    expect(error.msg).toMatch(/hairpinMode.*promiscMode/);
  });
});
