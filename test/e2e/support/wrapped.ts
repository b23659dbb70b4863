/** An artifact that is started by a shell, which does something to itself first. */

import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Artifact } from '../../support/artifacts.ts';
import type { ScratchNode } from '../../support/node.ts';

/** `script` is what the shell does; it ends with an `exec`. `$PLUGIN` is the artifact. */
export function wrapped(node: ScratchNode, artifact: Artifact, script: string): Artifact {
  mkdirSync(node.directory, { recursive: true });
  const path = join(mkdtempSync(join(node.directory, 'wrapped-')), 'plugin');
  writeFileSync(path, `#!/bin/sh\nPLUGIN="${artifact.path}"\n${script}\n`, { mode: 0o755 });
  return { ...artifact, path };
}
