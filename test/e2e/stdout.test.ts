/** A runtime that does not get the result: nothing of the attachment stays. */

import { expect, test } from 'bun:test';
import { succeeded } from '../support/cni.ts';
import { leftovers } from '../support/leftovers.ts';
import { createNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { e2e, network } from './support/network.ts';
import { wrapped } from './support/wrapped.ts';

/** Standard output on a device that is always full. */
const FULL = 'exec "$PLUGIN" >/dev/full';

/** Standard output on a pipe whose only reader has closed it. SIGPIPE has its default action, which ends a process. */
const CLOSED = `/usr/bin/mkfifo "$0.stdout"
exec 5<>"$0.stdout" 1>"$0.stdout" 5<&-
exec /usr/bin/env --default-signal=PIPE "$PLUGIN"`;

e2e('an ADD whose result cannot be written', (artifact) => {
  test.each([
    ['ENOSPC', FULL],
    ['EPIPE', CLOSED],
  ])('because of %s fails, says so on stderr, and leaves nothing', (errno, script) => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const container = node.container();
    const before = leftovers(node);
    const outcome = pods.add(container, { artifact: wrapped(node, artifact, script) });
    expect([outcome.status, outcome.stdout]).toEqual([1, '']);
    expect(outcome.stderr).toMatch(new RegExp(`^trestle: error: cannot write the result: .*${errno}.*\n$`));
    expect(leftovers(node)).toEqual(before);
    succeeded(pods.add(container));
  });

  test('and neither can anything on stderr: it fails all the same', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const before = leftovers(node);
    const outcome = pods.add(node.container(), { artifact: wrapped(node, artifact, `${FULL} 2>/dev/full`) });
    expect([outcome.status, outcome.stdout, outcome.stderr]).toEqual([1, '', '']);
    expect(leftovers(node)).toEqual(before);
  });
});
