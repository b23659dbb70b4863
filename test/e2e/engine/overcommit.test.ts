/** A kernel that promises no memory that it does not have: vm.overcommit_memory is 2. */

import { expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Artifact, executable } from '../../support/artifacts.ts';
import { succeeded } from '../../support/cni.ts';
import { describeNeeding } from '../../support/feature.ts';
import { createNode, type ScratchNode } from '../../support/node.ts';
import { tool } from '../../support/process.ts';
import { runtime } from '../../support/runtime.ts';
import { network } from '../support/network.ts';

/** What may be allocated besides what is allocated already, KiB. */
const ROOM = 64 * 1024;

/** Runs the artifact while the kernel counts every page that may be written to, and refuses what goes beyond the room. */
function withoutOvercommit(node: ScratchNode, artifact: Artifact): Artifact {
  const path = join(node.directory, 'plugin');
  const committed = `$(${tool('busybox')} awk '/^Committed_AS:/ { print $2 }' /proc/meminfo)`;
  const lines = [
    '#!/bin/sh',
    `echo $((${committed} + ${ROOM})) >/proc/sys/vm/overcommit_kbytes || exit 99`,
    'echo 2 >/proc/sys/vm/overcommit_memory || exit 99',
    `"${artifact.path}"`,
    'status=$?',
    'echo 0 >/proc/sys/vm/overcommit_memory || exit 99',
    'exit $status',
    '',
  ];
  writeFileSync(path, lines.join('\n'), { mode: 0o755 });
  return { ...artifact, path };
}

describeNeeding('settings', 'a kernel that does not overcommit', () => {
  test('has room for ADD, CHECK and DEL', () => {
    using node = createNode();
    const pods = runtime(node, withoutOvercommit(node, executable), network(node));
    const container = node.container();
    succeeded(pods.add(container));
    succeeded(pods.check(container));
    succeeded(pods.del(container));
    expect(succeeded(pods.version())).toBeDefined();
  });
});
