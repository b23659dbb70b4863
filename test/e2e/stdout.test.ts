/** A runtime that cannot be answered: nothing that it was not told of stays. */

import { expect, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Artifact } from '../support/artifacts.ts';
import { succeeded } from '../support/cni.ts';
import { leftovers } from '../support/leftovers.ts';
import { createNode, type ScratchNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { e2e, network } from './support/network.ts';

/** The artifact with its output on a device that is always full. */
function unheard(node: ScratchNode, artifact: Artifact, redirection: string): Artifact {
  const directory = join(node.directory, 'unheard');
  mkdirSync(directory, { recursive: true });
  const path = join(directory, 'plugin');
  writeFileSync(path, `#!/bin/sh\nexec "${artifact.path}" ${redirection}\n`, { mode: 0o755 });
  return { ...artifact, path };
}

e2e('an ADD whose result cannot be written', (artifact) => {
  test('fails, says so on stderr, and leaves nothing', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const container = node.container();
    const before = leftovers(node);
    const outcome = pods.add(container, { artifact: unheard(node, artifact, '>/dev/full') });
    expect([outcome.status, outcome.stdout]).toEqual([1, '']);
    expect(outcome.stderr).toMatch(/^trestle: error: cannot write the result: .*ENOSPC.*\n$/);
    expect(leftovers(node)).toEqual(before);
    succeeded(pods.add(container));
  });

  test('and neither can anything on stderr: it fails all the same', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const before = leftovers(node);
    const outcome = pods.add(node.container(), { artifact: unheard(node, artifact, '>/dev/full 2>/dev/full') });
    expect([outcome.status, outcome.stdout, outcome.stderr]).toEqual([1, '', '']);
    expect(leftovers(node)).toEqual(before);
  });
});
