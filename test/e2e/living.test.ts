/** What lives keeps its address, also where the plugin may not see that it lives. */

import { expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Artifact } from '../support/artifacts.ts';
import { failed, succeeded } from '../support/cni.ts';
import { createNetns } from '../support/netns.ts';
import { type Container, createNode, type ScratchNode } from '../support/node.ts';
import { run, tool } from '../support/process.ts';
import { runtime } from '../support/runtime.ts';
import { inhabited } from './support/inhabited.ts';
import { installed } from './support/installed.ts';
import { e2e, eventually, ipam, network, V4 } from './support/network.ts';
import { traced } from './support/strace.ts';
import { wrapped } from './support/wrapped.ts';

const LAST = { subnet: V4.subnet, rangeStart: V4.first, rangeEnd: V4.first };

/** The IPAM plugin by itself, which has no host veth to look at, on a network with one address. */
function ipamOnly(node: ScratchNode, artifact: Artifact) {
  const plugin = installed(node, artifact, 'trestle-ipam');
  const config = network(node, { type: 'bridge', ipam: ipam(node, [LAST]) });
  return { plugin, config, leased: () => existsSync(join(node.dataDir, 'pods', V4.first)) };
}

const withoutPtrace = (node: ScratchNode, plugin: Artifact) =>
  wrapped(node, plugin, `exec ${tool('setpriv')} --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace -- "$PLUGIN"`);

/** A process in the container's namespace, whose path is taken away. */
function orphaned(container: Container): Disposable {
  const inhabitant = inhabited(container);
  run(['ip', 'netns', 'delete', container.ns.name]);
  return inhabitant;
}

e2e('the last address, whose holder has lost the path of its namespace and lives', (artifact) => {
  test('is not given away by a plugin without CAP_SYS_PTRACE, which says why, until the holder has ended', () => {
    using node = createNode();
    const { plugin, config, leased } = ipamOnly(node, artifact);
    const [holder, next] = [node.container(), node.container()];
    const denied = runtime(node, withoutPtrace(node, plugin), config);
    succeeded(denied.add(holder));
    {
      using _ = orphaned(holder);
      const refused = failed(denied.add(next));
      expect(refused.code).toBe(103);
      expect(refused.details).toMatch(
        /^1 leases could not be judged alive or dead and are kept: its network namespace is no longer at \S+, and what lives in it cannot be known: \/proc\/\d+\/task\/\d+: readlink: permission denied \(EACCES\)\. Run the plugin with CAP_SYS_PTRACE/,
      );
      const collected = denied.gc();
      succeeded(collected);
      expect(collected.stderr).toMatch(
        /warn: GC of pods: 1 attachments could not be judged alive or dead and are kept/,
      );
      expect(failed(runtime(node, plugin, config).add(next)).code).toBe(103);
      expect(leased()).toBe(true);
    }
    eventually(() => succeeded(runtime(node, plugin, config).add(next)));
  });

  test('is not given to its own attachment, which is told so', () => {
    using node = createNode();
    const { plugin, config, leased } = ipamOnly(node, artifact);
    const holder = node.container();
    const denied = runtime(node, withoutPtrace(node, plugin), config);
    succeeded(denied.add(holder));
    using _ = orphaned(holder);
    using ns = createNetns();
    const refused = failed(denied.add({ id: holder.id, netnsPath: ns.path }));
    expect(refused.code).toBe(102);
    expect(refused.msg).toContain('it holds 10.89.0.2/24 since');
    expect(refused.details).toMatch(/ Whether it is alive cannot be known: .*EACCES/);
    expect(leased()).toBe(true);
  });

  test('is not given away by the main plugin, whose host veth is there', () => {
    using node = createNode();
    const config = network(node, { ipam: ipam(node, [LAST]) });
    const holder = node.container();
    succeeded(runtime(node, artifact, config).add(holder));
    using _ = orphaned(holder);
    for (const plugin of [artifact, withoutPtrace(node, artifact)]) {
      const pods = runtime(node, plugin, config);
      succeeded(pods.gc());
      expect(failed(pods.add(node.container()))).toMatchObject({
        code: 103,
        details: expect.stringContaining('None of the holders is provably dead: 10.89.0.2 container'),
      });
    }
  });
});

e2e('the last address, whose holder cannot be looked at', (artifact) => {
  test.each(['EACCES', 'EPERM', 'ELOOP', 'EIO', 'EMFILE', 'ENOMEM'])('is not given away: its path says %s', (errno) => {
    using node = createNode();
    const { plugin, config, leased } = ipamOnly(node, artifact);
    const [holder, next] = [node.container(), node.container()];
    succeeded(runtime(node, plugin, config).add(holder));
    const path = holder.netnsPath;
    const faulty = traced(node, plugin, `-P ${path} -e trace=statx -e inject=statx:error=${errno}`);
    const pods = runtime(node, faulty.artifact, config);
    const refused = failed(pods.add(next));
    expect(refused.code).toBe(103);
    expect(refused.details).toMatch(new RegExp(`${path} may not be looked at: statx: .* \\(${errno}\\)`));
    expect(faulty.lines().join('\n')).toContain(errno);
    succeeded(pods.gc());
    expect(leased()).toBe(true);
  });

  test.each(['EACCES', 'EIO', 'EMFILE', 'ELOOP'])('is not given away: the list of processes says %s', (errno) => {
    using node = createNode();
    const { plugin, config, leased } = ipamOnly(node, artifact);
    const [holder, next] = [node.container(), node.container()];
    succeeded(runtime(node, plugin, config).add(holder));
    holder.ns.delete();
    const faulty = traced(node, plugin, `-P /proc -e trace=openat -e inject=openat:error=${errno}`);
    const pods = runtime(node, faulty.artifact, config);
    const refused = failed(pods.add(next));
    expect(refused.code).toBe(103);
    expect(refused.details).toMatch(new RegExp(`/proc cannot be read: openat: .* \\(${errno}\\)`));
    succeeded(pods.gc());
    expect(leased()).toBe(true);
    eventually(() => succeeded(runtime(node, plugin, config).add(next)));
  });
});
