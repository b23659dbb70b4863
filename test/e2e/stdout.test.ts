/** A runtime that cannot be answered: nothing that it was not told of stays. */

import { expect, test } from 'bun:test';
import { succeeded } from '../support/cni.ts';
import { leftovers } from '../support/leftovers.ts';
import { createNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { e2e, network } from './support/network.ts';
import { wrapped } from './support/wrapped.ts';

/** Its output on a device that is always full. */
const UNHEARD = 'exec "$PLUGIN" >/dev/full';

e2e('an ADD whose result cannot be written', (artifact) => {
  test('fails, says so on stderr, and leaves nothing', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const container = node.container();
    const before = leftovers(node);
    const outcome = pods.add(container, { artifact: wrapped(node, artifact, UNHEARD) });
    expect([outcome.status, outcome.stdout]).toEqual([1, '']);
    expect(outcome.stderr).toMatch(/^trestle: error: cannot write the result: .*ENOSPC.*\n$/);
    expect(leftovers(node)).toEqual(before);
    succeeded(pods.add(container));
  });

  test('and neither can anything on stderr: it fails all the same', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const before = leftovers(node);
    const outcome = pods.add(node.container(), { artifact: wrapped(node, artifact, `${UNHEARD} 2>/dev/full`) });
    expect([outcome.status, outcome.stdout, outcome.stderr]).toEqual([1, '', '']);
    expect(leftovers(node)).toEqual(before);
  });
});
