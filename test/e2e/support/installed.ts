/** An artifact under another name, which says what it is to be. */

import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type Artifact, REFERENCE_DIRECTORY } from '../../support/artifacts.ts';
import type { ScratchNode } from '../../support/node.ts';

/** A directory of plugins with the artifact under that name, and reference plugins under theirs. */
export function installed(node: ScratchNode, artifact: Artifact, name: string, ...others: string[]): Artifact {
  const directory = join(node.directory, 'bin');
  mkdirSync(directory);
  symlinkSync(artifact.path, join(directory, name));
  for (const other of others) symlinkSync(join(REFERENCE_DIRECTORY, other), join(directory, other));
  return { ...artifact, path: join(directory, name) };
}
