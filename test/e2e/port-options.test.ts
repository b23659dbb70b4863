/** Keys that change how bridge and port behave: portIsolation, promiscMode, disableContainerInterface. */

import { expect, test } from 'bun:test';
import { failed, succeeded } from '../support/cni.ts';
import { bridgePorts, type Link } from '../support/kernel.ts';
import { exec } from '../support/netns.ts';
import { createNode, type ScratchNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { ping } from '../support/traffic.ts';
import { e2e, hostVeth, mustLink, network, V4, V6 } from './support/network.ts';

function portOf(node: ScratchNode, name: string): Link | undefined {
  return bridgePorts(node.ns).find(({ ifname }) => ifname === name);
}

e2e('portIsolation', (artifact) => {
  test('keeps two containers apart that both reach the gateway', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node, { portIsolation: true }));
    const [one, two] = [node.container(), node.container()];
    for (const container of [one, two]) succeeded(pods.add(container));
    expect(portOf(node, hostVeth(node, one).ifname)).toMatchObject({ isolated: true });
    for (const { second, gateway } of [V4, V6]) {
      expect(ping(one.ns, second, { timeout: 1 })).toBe(false);
      expect(ping(one.ns, gateway)).toBe(true);
      expect(ping(two.ns, gateway)).toBe(true);
    }
  });

  test('is missed by CHECK when it is turned off', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node, { portIsolation: true }));
    const container = node.container();
    succeeded(pods.add(container));
    succeeded(pods.check(container));
    exec(node.ns, ['bridge', 'link', 'set', 'dev', hostVeth(node, container).ifname, 'isolated', 'off']);
    expect(failed(pods.check(container))).toMatchObject({ code: 105, msg: expect.stringContaining('port isolation') });
  });
});

e2e('promiscMode', (artifact) => {
  test('is on at the bridge, and missed by CHECK when it is turned off', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node, { promiscMode: true }));
    const container = node.container();
    succeeded(pods.add(container));
    expect(mustLink(node.ns, 'cni0').flags).toContain('PROMISC');
    succeeded(pods.check(container));
    exec(node.ns, ['ip', 'link', 'set', 'cni0', 'promisc', 'off']);
    expect(failed(pods.check(container))).toMatchObject({ code: 105, msg: expect.stringContaining('promiscuous') });
  });

  test('is turned on at a bridge that is there already', () => {
    using node = createNode();
    succeeded(runtime(node, artifact, network(node)).add(node.container()));
    expect(mustLink(node.ns, 'cni0').flags).not.toContain('PROMISC');
    succeeded(runtime(node, artifact, network(node, { promiscMode: true })).add(node.container()));
    expect(mustLink(node.ns, 'cni0').flags).toContain('PROMISC');
  });
});

e2e('disableContainerInterface', (artifact) => {
  test('leaves the interface down, and CHECK expects it so', () => {
    using node = createNode();
    const down = {
      ipam: { dataDir: node.dataDir },
      isDefaultGateway: false,
      ipMasq: false,
      disableContainerInterface: true,
    };
    const pods = runtime(node, artifact, network(node, down));
    const container = node.container();
    succeeded(pods.add(container));
    expect(mustLink(container.ns, 'eth0').flags).not.toContain('UP');
    succeeded(pods.check(container));
    exec(container.ns, ['ip', 'link', 'set', 'eth0', 'up']);
    expect(failed(pods.check(container))).toMatchObject({ code: 105, msg: expect.stringContaining('expected down') });
    succeeded(pods.del(container));
  });

  test('and ipam exclude each other', () => {
    using node = createNode();
    const error = failed(
      runtime(node, artifact, network(node, { disableContainerInterface: true })).add(node.container()),
    );
    expect(error).toMatchObject({ code: 7, msg: expect.stringMatching(/disableContainerInterface.*ipam/) });
  });
});
