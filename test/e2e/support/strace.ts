/** An artifact under strace, which watches its system calls, or makes one of them fail. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Artifact } from '../../support/artifacts.ts';
import type { ScratchNode } from '../../support/node.ts';
import { tool } from '../../support/process.ts';

export interface Traced {
  readonly artifact: Artifact;
  /** What strace wrote in the last call, by lines. */
  lines(): string[];
}

/** `options` are strace's, `-e trace=execve` for one. Programs that it starts are watched too, unless only the first is. */
export function traced(node: ScratchNode, artifact: Artifact, options: string, only: '' | 'first' = ''): Traced {
  const directory = join(node.directory, 'traced');
  mkdirSync(directory, { recursive: true });
  const [path, output] = [join(directory, 'plugin'), join(directory, 'trace')];
  const strace = `${tool('strace')} ${only === 'first' ? '' : '-f'} -qq ${options} -o "${output}" "${artifact.path}"`;
  writeFileSync(path, `#!/bin/sh\nexec ${strace}\n`, { mode: 0o755 });
  return { artifact: { ...artifact, path }, lines: () => readFileSync(output, 'utf8').split('\n') };
}
