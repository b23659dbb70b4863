/** What happens to the data directory while containers run: files are removed, the boot ID changes, a copy takes its place. */

import { describe, expect, test } from 'bun:test';
import { cpSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Artifact } from '../support/artifacts.ts';
import { failed, succeeded } from '../support/cni.ts';
import { leftovers } from '../support/leftovers.ts';
import { createNode, type ScratchNode } from '../support/node.ts';
import { tool } from '../support/process.ts';
import { runtime } from '../support/runtime.ts';
import { installed } from './support/installed.ts';
import { e2e, ipam, loseNamespace, network, V4 } from './support/network.ts';
import { traced } from './support/strace.ts';
import { wrapped } from './support/wrapped.ts';

/** Two addresses beside the gateway. */
const SMALL = { subnet: V4.subnet, rangeStart: V4.first, rangeEnd: V4.second };

function leases(node: ScratchNode): string[] {
  return readdirSync(join(node.dataDir, 'pods'))
    .filter((name) => /^\d/.test(name))
    .sort();
}

/** The main plugin, and the IPAM plugin by itself, which has no host veth to look at. */
const PLUGINS: readonly (readonly [string, (node: ScratchNode, artifact: Artifact) => Artifact])[] = [
  ['the main plugin', (_, artifact) => artifact],
  ['the IPAM plugin', (node, artifact) => installed(node, artifact, 'trestle-ipam')],
];

e2e('with containers running', (artifact) => {
  describe.each(PLUGINS)('%s', (_, pluginOf) => {
    test('leases no living container’s address again after rm -rf <dataDir>/<network>/*, and says what it put back', () => {
      using node = createNode();
      const pods = runtime(node, pluginOf(node, artifact), network(node, { ipam: ipam(node, [SMALL]) }));
      const [first, second, third] = [node.container(), node.container(), node.container()];
      succeeded(pods.add(first));
      for (const name of readdirSync(join(node.dataDir, 'pods'))) rmSync(join(node.dataDir, 'pods', name));
      const added = pods.add(second);
      expect(succeeded(added).ips?.map(({ address }) => address)).toEqual([`${V4.second}/24`]);
      expect(added.stderr).toMatch(/warn: put back 1 leases and 0 records on pods, whose holders are alive/);
      expect(leases(node)).toEqual([V4.first, V4.second]);
      succeeded(pods.check(first));
      expect(failed(pods.add(third)).code).toBe(103);
      succeeded(pods.del(first));
      const again = pods.add(third);
      expect(succeeded(again).ips?.[0]?.address).toBe(`${V4.first}/24`);
      expect(again.stderr).toBe('');
    });

    test('says so at STATUS, too', () => {
      using node = createNode();
      const pods = runtime(node, pluginOf(node, artifact), network(node, { ipam: ipam(node, [SMALL]) }));
      succeeded(pods.add(node.container()));
      rmSync(join(node.dataDir, 'pods'), { recursive: true });
      const status = pods.status();
      succeeded(status);
      expect(status.stderr).toContain('put back 1 leases');
      expect(leases(node)).toEqual([V4.first]);
    });

    test('takes nothing from a living container because the boot ID has changed, at ADD, STATUS, GC or DEL', () => {
      using node = createNode();
      const plugin = pluginOf(node, artifact);
      const config = network(node, { ipam: ipam(node, [SMALL]) });
      const [first, second, gone] = [node.container(), node.container(), node.container()];
      const pods = runtime(node, plugin, config);
      succeeded(pods.add(first));
      const other = runtime(node, withBootId(node, plugin), config);
      succeeded(other.status());
      succeeded(other.gc());
      succeeded(other.del(gone));
      succeeded(other.add(second));
      expect(leases(node)).toEqual([V4.first, V4.second]);
      expect(failed(other.add(node.container())).code).toBe(103);
      succeeded(pods.check(first));
    });
  });

  test('a copy without times gives back what dies after it was taken into use', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node, { ipam: ipam(node, [SMALL]) }));
    const first = node.container();
    succeeded(pods.add(first));
    Bun.sleepSync(2_100); // the times of files are compared no finer than FAT keeps them
    cpSync(node.dataDir, `${node.dataDir}.copy`, { recursive: true });
    rmSync(node.dataDir, { recursive: true });
    renameSync(`${node.dataDir}.copy`, node.dataDir);
    succeeded(pods.add(node.container()));
    loseNamespace(node, first);
    expect(succeeded(pods.add(node.container())).ips?.[0]?.address).toBe(`${V4.first}/24`);
  });
});

e2e('on a file system without hard links', (artifact) => {
  test.each(['EPERM', 'EOPNOTSUPP'])('addresses are leased as everywhere: %s', (errno) => {
    using node = createNode();
    const denied = traced(node, artifact, `-e trace=?link,linkat -e inject=?link,linkat:error=${errno}`);
    const pods = runtime(node, denied.artifact, network(node, { ipam: ipam(node, [SMALL]) }));
    const before = leftovers(node);
    const [one, two] = [node.container(), node.container()];
    for (const container of [one, two]) succeeded(pods.add(container));
    expect(leases(node)).toEqual([V4.first, V4.second]);
    expect(failed(pods.add(node.container())).code).toBe(103);
    for (const container of [one, two]) succeeded(pods.check(container));
    for (const container of [one, two]) succeeded(pods.del(container));
    expect(leftovers(node)).toEqual(before);
  });
});

/** The plugin as in a container with a boot ID of its own. */
function withBootId(node: ScratchNode, plugin: Artifact): Artifact {
  const path = join(node.directory, 'boot_id');
  writeFileSync(path, '01234567-89ab-cdef-0123-456789abcdef\n');
  const script = join(node.directory, 'with-boot-id');
  const lines = ['#!/bin/sh', `${tool('mount')} --bind ${path} /proc/sys/kernel/random/boot_id && exec "$@"`, ''];
  writeFileSync(script, lines.join('\n'), { mode: 0o755 });
  return wrapped(node, plugin, `exec ${tool('unshare')} --mount ${script} "$PLUGIN"`);
}
