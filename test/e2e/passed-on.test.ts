/** The number of a namespace that is gone passes to the next one, which shall not keep the lease of the first alive. */

import { expect, test } from 'bun:test';
import { statSync } from 'node:fs';
import { succeeded } from '../support/cni.ts';
import { cidrs } from '../support/kernel.ts';
import { spawnIn } from '../support/netns.ts';
import { type Container, createNode, type ScratchNode } from '../support/node.ts';
import { type Runtime, runtime } from '../support/runtime.ts';
import { e2e, ipam, loseNamespace, network } from './support/network.ts';

e2e('the last address of a container that is gone', (artifact) => {
  test('is given to the next, in whose namespace with the same number a process lives', () => {
    using node = createNode();
    const config = network(node, { ipam: ipam(node, ['10.89.0.0/30']) });
    const pods = runtime(node, artifact, config);
    const next = heir(node, pods);
    using _ = { [Symbol.dispose]: () => process.kill() };
    const process = spawnIn(next.ns, ['cat']);
    succeeded(pods.add(next));
    expect(cidrs(next.ns, 'eth0')).toEqual(['10.89.0.2/30']);
    succeeded(pods.check(next));
  });
});

/** Loses an attached container, and makes another with its namespace's number. Somebody else may be quicker: then again. */
function heir(node: ScratchNode, pods: Runtime): Container {
  for (let tries = 0; tries < 10; tries++) {
    const lost = node.container();
    const number = statSync(lost.netnsPath).ino;
    succeeded(pods.add(lost));
    loseNamespace(node, lost);
    for (let made = 0; made < 20; made++) {
      const next = node.container();
      if (statSync(next.netnsPath).ino === number) return next;
    }
    succeeded(pods.del(lost));
  }
  throw new Error('no namespace was given the number of one that is gone');
}
