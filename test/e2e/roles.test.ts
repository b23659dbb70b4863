/** The name that the program is started under says which plugin it is to be. */

import { expect, test } from 'bun:test';
import { join } from 'node:path';
import { reference } from '../support/artifacts.ts';
import { cni, failed, succeeded } from '../support/cni.ts';
import { cidrs } from '../support/kernel.ts';
import { leftovers } from '../support/leftovers.ts';
import { createNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { installed } from './support/installed.ts';
import { e2e, footprint, ipam, network, V4, V6 } from './support/network.ts';

const REFERENCE_CONFIG = { type: 'bridge', cniVersion: '1.0.0' };

e2e('started as bridge', (artifact) => {
  test('it does what the reference does, with its configuration', () => {
    using node = createNode();
    const container = node.container();
    const section = ipam(node, [V4.subnet, V6.subnet], { type: 'host-local' });
    const config = network(node, { ...REFERENCE_CONFIG, ipam: section });
    const pods = runtime(node, installed(node, artifact, 'bridge'), config);
    const before = leftovers(node);
    succeeded(pods.add(container));
    expect(cidrs(container.ns, 'eth0')).toEqual([`${V4.first}/24`, `${V6.first}/64`]);
    succeeded(pods.check(container));
    succeeded(pods.del(container));
    expect(leftovers(node)).toEqual(before);
  });
});

e2e('started as IPAM plugin', (artifact) => {
  test.each(['host-local', 'trestle-ipam'])('%s: it leases addresses, and touches nothing else', (name) => {
    using node = createNode();
    const container = node.container();
    const config = network(node, {
      ipam: ipam(node, [V4.subnet, V6.subnet], { type: name, routes: [{ dst: '::/0' }] }),
    });
    const plugin = runtime(node, installed(node, artifact, name), config);
    const before = [leftovers(node), footprint(node)];
    const result: unknown = succeeded(plugin.add(container));
    expect(result).toEqual({
      cniVersion: '1.1.0',
      ips: [
        { address: `${V4.first}/24`, gateway: V4.gateway },
        { address: `${V6.first}/64`, gateway: V6.gateway },
      ],
      routes: [{ dst: '::/0' }],
    });
    expect(Object.keys(leftovers(node).files)).toContain(`pods/${V4.first}`);
    expect(leftovers(node).containers).toEqual({});
    succeeded(plugin.check(container));
    succeeded(plugin.status());
    succeeded(plugin.del(container));
    succeeded(plugin.del(container));
    expect([leftovers(node), footprint(node)]).toEqual(before);
  });

  test('it serves the reference bridge', () => {
    using node = createNode();
    const container = node.container();
    const bin = installed(node, artifact, 'host-local', 'bridge');
    const section = ipam(node, [V4.subnet, V6.subnet], { type: 'host-local' });
    const config = network(node, { ...REFERENCE_CONFIG, ipMasq: false, ipam: section });
    // What the reference starts has its environment, and the script needs its interpreter.
    const theirs = { ...reference('bridge'), searchPath: `${artifact.searchPath}:/usr/sbin:/usr/bin:/sbin:/bin` };
    const before = leftovers(node);
    const pods = runtime(node, { ...theirs, path: join(bin.path, '../bridge') }, config);
    succeeded(pods.add(container));
    expect(cidrs(container.ns, 'eth0')).toEqual([`${V4.first}/24`, `${V6.first}/64`]);
    succeeded(pods.check(container));
    succeeded(pods.del(container));
    expect(leftovers(node)).toEqual(before);
  });

  test('it refuses a configuration without ipam', () => {
    using node = createNode();
    const { ipam: _, ...config } = network(node);
    const plugin = installed(node, artifact, 'trestle-ipam');
    const error = failed(cni(node, { artifact: plugin, command: 'ADD', container: node.container(), config }));
    expect(error.code).toBe(7);
    expect(error.msg).toContain('ipam');
  });
});
