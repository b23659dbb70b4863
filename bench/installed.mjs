// Plugins as a node has them: copied into a directory of their own, each file in one go. As a compiler left a file, it may lie in
// memory page by page, and then every start takes longer; which of them do is no matter of what is measured here.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What is copied, as far as a contender has it. */
export const PROGRAMS = ['bridge', 'host-local', 'trestle'];

/** Installs a contender's plugins in the scratch directory, once. @returns the contender as it is there */
export function installed({ directory }, contender) {
  const { id, file, cniPath } = contender;
  if (dirname(file) !== cniPath) return contender;
  const bin = join(directory, 'bin', id);
  if (!existsSync(bin)) copy(cniPath, bin);
  return { ...contender, file: file.replace(cniPath, bin), cniPath: bin };
}

function copy(from, to) {
  mkdirSync(to, { recursive: true });
  for (const name of PROGRAMS.filter((program) => existsSync(join(from, program)))) {
    writeFileSync(join(to, name), readFileSync(join(from, name)), { mode: 0o755 });
  }
}
