/** A command of the operator's command line, run on a node as its administrator would: without CNI_* variables. */

import { type Artifact, requireBuilt } from './artifacts.ts';
import { entering } from './netns.ts';
import type { ScratchNode } from './node.ts';
import { DEADLINE_MS } from './process.ts';

export interface Said {
  /** Null when a signal ended it. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Wall time, with about 2 ms for entering the namespace. */
  readonly ms: number;
}

export interface OperatorOptions {
  /** Replaces variables of the environment, which has PATH alone. */
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

/** Runs `trestle ARGS` in the node's network namespace and waits. */
export function operate(
  node: Pick<ScratchNode, 'ns'>,
  artifact: Artifact,
  args: readonly string[],
  { env = {}, stdin = '' }: OperatorOptions = {},
): Said {
  requireBuilt(artifact);
  const started = performance.now();
  const done = Bun.spawnSync(entering(node.ns, [artifact.path, ...args]), {
    stdin: Buffer.from(stdin),
    stdout: 'pipe',
    stderr: 'pipe',
    env: { PATH: artifact.searchPath, ...env },
    timeout: DEADLINE_MS,
    killSignal: 'SIGKILL',
  });
  return {
    status: done.signalCode ? null : done.exitCode,
    stdout: done.stdout.toString(),
    stderr: done.stderr.toString(),
    ms: performance.now() - started,
  };
}

/** `--data-dir` and `--conf-dir` of the node, so that no command reads the machine's own. */
export function placeOf({ dataDir, confDir }: Pick<ScratchNode, 'dataDir' | 'confDir'>): string[] {
  return ['--data-dir', dataDir, '--conf-dir', confDir];
}

/** The JSON of a command that must end with that status. @throws Error with all it said, when it did not */
export function jsonOf<T>(said: Said, status = 0): T {
  if (said.status === status && said.stderr === '') return JSON.parse(said.stdout) as T;
  throw new Error(`exit status ${said.status}, not ${status}\nstdout: ${said.stdout}\nstderr: ${said.stderr}`);
}
