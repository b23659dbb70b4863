/** `trestle doctor` on a scratch node, and the command lines that it advises, run as an administrator would. */

import { mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Artifact, executable } from './artifacts.ts';
import { exec } from './netns.ts';
import type { ScratchNode } from './node.ts';
import { jsonOf, type OperatorOptions, operate, placeOf } from './operator.ts';
import { SYSTEM_PATH } from './process.ts';

export interface Finding {
  readonly level: 'error' | 'warning';
  readonly code: string;
  readonly subject: string;
  readonly what: string;
  readonly evidence: string;
  readonly fix: string;
}

export interface Examined {
  readonly healthy: boolean;
  readonly findings: readonly Finding[];
}

/** The node's directory of plugins; the main plugin is in it from the first call on. */
export function binDirOf({ directory }: Pick<ScratchNode, 'directory'>, artifact: Artifact): string {
  const binDir = join(directory, 'bin');
  mkdirSync(binDir, { recursive: true });
  try {
    symlinkSync(artifact.path, join(binDir, 'trestle'));
  } catch {
    // It is there already.
  }
  return binDir;
}

/** The flags by which doctor reads nothing of the machine's own. `binDir` is made beforehand, so that a test may empty it. */
export function doctorPlace(node: ScratchNode): string[] {
  const [binDir, cacheDir] = [join(node.directory, 'bin'), join(node.directory, 'cache')];
  return [...placeOf(node), '--bin-dir', binDir, '--cache-dir', cacheDir];
}

/** What doctor finds; the exit status must agree. */
export function examine(
  node: ScratchNode,
  artifact: Artifact,
  args: readonly string[] = [],
  options: OperatorOptions = {},
): Examined {
  const said = operate(node, artifact, ['doctor', '--json', ...doctorPlace(node), ...args], options);
  const examined = jsonOf<Examined>(said, said.status === 0 ? 0 : 1);
  if (examined.healthy !== (said.status === 0)) throw new Error(`status ${said.status} with ${said.stdout}`);
  return examined;
}

/** Runs the command line of a finding as it is printed, with the built executable in PATH. @throws Error where it fails */
export function mend(node: ScratchNode, { fix }: Pick<Finding, 'fix'>): string {
  return exec(node.ns, ['sh', '-c', fix], { env: { PATH: `${dirname(executable.path)}:${SYSTEM_PATH}` } });
}
