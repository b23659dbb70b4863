/** ADD when the kernel refuses every request from one on, so that what was made cannot be removed: the address is not given away. */

import { expect, test } from 'bun:test';
import type { Artifact } from '../support/artifacts.ts';
import { failed, succeeded } from '../support/cni.ts';
import { type Leftovers, leftovers } from '../support/leftovers.ts';
import { createNode, type ScratchNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { e2e, network } from './support/network.ts';
import { traced } from './support/strace.ts';

/** The artifact, to which every send(2) from that one on is refused with EIO. */
function refusedFrom(node: ScratchNode, artifact: Artifact, first: number): Artifact {
  return traced(node, artifact, `-e trace=sendto -e inject=sendto:error=EIO:when=${first}+`, 'first').artifact;
}

/** All but the store. */
function onNode(node: ScratchNode): Omit<Leftovers, 'files'> {
  const { files: _, ...rest } = leftovers(node);
  return rest;
}

e2e('an ADD that can neither go on nor go back', (artifact) => {
  test('keeps record and leases of what is left, for DEL to remove', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    succeeded(pods.add(node.container())); // makes bridge and tables, which stay
    const before = leftovers(node);
    const [bare, files] = [onNode(node), Object.keys(before.files)];
    const seen = { left: [] as number[], clean: 0 };
    for (let first = 1; ; first++) {
      const container = node.container();
      const outcome = runtime(node, refusedFrom(node, artifact, first), network(node)).add(container);
      if (outcome.status === 0) break;
      expect(failed(outcome).msg).toStartWith('cannot ');
      // A record, and a lease of each family.
      const kept = Object.keys(leftovers(node).files).length - files.length;
      if (!Bun.deepEquals(onNode(node), bare)) seen.left.push(kept);
      else if (kept === 0) seen.clean++;
      succeeded(pods.del(container));
      expect(leftovers(node)).toEqual(before);
    }
    expect(seen.left.length).toBeGreaterThan(3);
    expect(seen.left).toEqual(seen.left.map(() => 3));
    expect(seen.clean).toBeGreaterThan(0);
  });
});
