/** dist/trestle where a process has little: memory, address space, a stack, /proc, descriptors. One CNI object each. */

import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { type Artifact, artifacts } from '../../support/artifacts.ts';
import { cni, failed, succeeded } from '../../support/cni.ts';
import { createNode, type ScratchNode } from '../../support/node.ts';
import { describeUnless } from '../../support/privilege.ts';
import { run, tool, tryRun, whyNoProgram } from '../../support/process.ts';
import { runtime } from '../../support/runtime.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { withMounts } from '../support/mounts.ts';
import { network } from '../support/network.ts';
import { oneErrorObject } from '../support/refusal.ts';
import { traced } from '../support/strace.ts';
import { wrapped } from '../support/wrapped.ts';

const [executable] = artifacts as [Artifact];
const MIB = 1024 * 1024;

/**
 * Starts a program with PR_MDWE_REFUSE_EXEC_GAIN of PR_SET_MDWE (linux/prctl.h, since Linux 6.3), as MemoryDenyWriteExecute=
 * of systemd does, after a look whether that refuses anything.
 */
const MDWE = join(scratchDirectory(), 'mdwe');
const NO_MDWE = 96;
const MDWE_SOURCE = `#include <sys/mman.h>
  #include <sys/prctl.h>
  #include <unistd.h>
  int main(int argc, char **argv) {
    if (prctl(65, 1, 0, 0, 0)) return ${NO_MDWE};
    if (mmap(0, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) return 97;
    execv(argv[1], argv + 1);
    return 98;
  }`;

function whyNoMdwe(): string | undefined {
  const noCompiler = whyNoProgram('musl-gcc');
  if (noCompiler !== undefined) return noCompiler;
  run([tool('musl-gcc'), '-static', '-x', 'c', '-', '-o', MDWE], { stdin: MDWE_SOURCE });
  return tryRun([MDWE, tool('true')]).status === NO_MDWE ? 'this kernel has no PR_SET_MDWE' : undefined;
}

/** An ADD, a CHECK and a DEL by a plugin that is started in some way. */
function attachAndDetach(node: ScratchNode, artifact: Artifact): void {
  const [pods, container] = [runtime(node, artifact, network(node)), node.container()];
  succeeded(pods.add(container));
  succeeded(pods.check(container));
  succeeded(pods.del(container));
}

test('64 MiB of address space are enough', () => {
  using node = createNode();
  attachAndDetach(node, wrapped(node, executable, `exec ${tool('prlimit')} --as=${64 * MIB} "$PLUGIN"`));
});

test('so is a stack of 256 KiB', () => {
  using node = createNode();
  attachAndDetach(node, wrapped(node, executable, `exec ${tool('prlimit')} --stack=262144 "$PLUGIN"`));
});

describeUnless(whyNoMdwe(), 'where no memory may become executable', () => {
  test('it attaches and detaches', () => {
    using node = createNode();
    attachAndDetach(node, wrapped(node, executable, `exec ${MDWE} "$PLUGIN"`));
  });
});

test('without /proc it says what it lacks, and VERSION works', () => {
  using node = createNode();
  const artifact = withMounts(node, executable, ['mount -t tmpfs none /proc']);
  const pods = runtime(node, artifact, network(node));
  succeeded(pods.version());
  expect(oneErrorObject(pods.add(node.container())).msg).toContain('/proc');
});

describe('a configuration that is too much', () => {
  const long = JSON.stringify({
    cniVersion: '1.1.0',
    name: 'a',
    type: 'trestle',
    x: Array(90_000).fill({ key: 'value' }),
  });
  const deep = `{"cniVersion":"1.1.0","name":"a","type":"trestle","x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;

  test('to be read: nested 100,000 levels', () => {
    using node = createNode();
    const error = oneErrorObject(cni(node, { artifact: executable, command: 'STATUS', stdin: deep }));
    expect(error).toMatchObject({
      code: 6,
      msg: expect.stringContaining('stdin is not JSON: Maximum call stack size'),
    });
  });

  test('to be read: 10 MB', () => {
    using node = createNode();
    const stdin = `{"x":"${'y'.repeat(10_000_000)}"}`;
    const error = oneErrorObject(cni(node, { artifact: executable, command: 'STATUS', stdin }));
    expect(error.msg).toContain('it is longer than 4194304 bytes');
  });

  test.each([6, 8, 12, 16, 24])('for %d MiB', (mib) => {
    using node = createNode();
    const artifact = wrapped(node, executable, `exec ${tool('prlimit')} --as=${mib * MIB} "$PLUGIN"`);
    const error = oneErrorObject(cni(node, { artifact, command: 'STATUS', stdin: long }));
    if (mib <= 12) expect(error).toMatchObject({ code: 100, msg: 'there is not enough memory for this call' });
  });
});

test('variables by which engines and C libraries are told things change nothing', () => {
  using node = createNode();
  const variables = {
    BUN_OPTIONS: '--version',
    BUN_BE_BUN: '1',
    NODE_OPTIONS: '--require=/nonexistent',
    LD_PRELOAD: '/nonexistent.so',
    LD_LIBRARY_PATH: '/nonexistent',
    GLIBC_TUNABLES: 'glibc.malloc.check=3',
    MALLOC_PERTURB_: '7',
    RUST_BACKTRACE: '1',
    TZ: ':/nonexistent',
    LANG: 'tr_TR.UTF-8',
  };
  const calls = (env: Record<string, string>) => {
    const given = Object.entries(env).map(([name, value]) => `-E ${name}=${value}`);
    const plugin = traced(node, executable, ['-e trace=all', ...given].join(' '));
    const outcome = cni(node, { artifact: plugin.artifact, command: 'VERSION', config: { cniVersion: '1.0.0' } });
    return { result: succeeded(outcome), calls: plugin.lines().map((line) => /^\d+ +(\w+)\(/.exec(line)?.[1]) };
  };
  const usual = calls({});
  // The second is musl's way to say where the thread's own data are, for which arm64 has a register.
  expect(usual.calls.slice(0, 2)).toEqual(['execve', process.arch === 'arm64' ? 'set_tid_address' : 'arch_prctl']);
  expect(usual.calls).not.toContain('openat');
  expect(calls(variables)).toEqual(usual);
});

test('a runtime that closed standard error still gets its error object', () => {
  using node = createNode();
  const artifact = wrapped(node, executable, 'exec "$PLUGIN" 2>&-');
  expect(failed(cni(node, { artifact, command: 'ADD', config: network(node) })).code).toBe(4);
});
