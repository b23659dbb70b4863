/** Neither ADD nor anything else starts a process, and none lists a directory on its usual way: strace sees it. */

import { expect, test } from 'bun:test';
import { type Outcome, succeeded } from '../support/cni.ts';
import { createNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { e2e, network } from './support/network.ts';
import { traced } from './support/strace.ts';

e2e('processes', (artifact) => {
  // The script is started by way of `env`, which then becomes node: the same process, two programs.
  const starts = artifact.name === 'dist/trestle' ? 1 : 2;

  test('none is started by ADD, CHECK, DEL, GC, STATUS and VERSION', () => {
    using node = createNode();
    const container = node.container();
    const plugin = traced(node, artifact, '-e trace=execve,fork,vfork,clone,clone3');
    const pods = runtime(node, plugin.artifact, network(node, { hairpinMode: true }));
    const calls: (() => Outcome)[] = [
      () => pods.version(),
      () => pods.status(),
      () => pods.add(container),
      () => pods.check(container),
      () => pods.gc([{ containerID: container.id, ifname: 'eth0' }]),
      () => pods.del(container),
    ];
    for (const call of calls) {
      succeeded(call());
      const lines = plugin.lines();
      expect(lines.filter((line) => / execve\(.* = 0$/.test(line))).toHaveLength(starts);
      const children = lines.filter((line) => / (clone3?|v?fork)\(/.test(line) && !line.includes('CLONE_THREAD'));
      expect(children).toEqual([]);
    }
  });

  test('no directory is listed by ADD, CHECK and DEL beside another container: each costs the same beside thousands', () => {
    using node = createNode();
    const [standing, container] = [node.container(), node.container()];
    const plugin = traced(node, artifact, '-e trace=getdents64');
    const pods = runtime(node, plugin.artifact, network(node, { macspoofchk: true }));
    // The reader of the bundle lists directories when it loads packages.
    const own = () => plugin.lines().filter((line) => / getdents64\(/.test(line)).length;
    succeeded(pods.add(standing));
    succeeded(pods.version());
    const atStart = own();
    for (const call of [() => pods.add(container), () => pods.check(container), () => pods.del(container)]) {
      succeeded(call());
      expect(own()).toBe(atStart);
    }
  });
});
