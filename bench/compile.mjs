// The C programs of the bench.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../tools/run.mjs';
import { ROOT } from '../tools/setup.mjs';

/** Compiles bench/NAME.c into a directory, unless it is there. @returns the program's path */
export function compile(name, directory) {
  const file = join(directory, name);
  if (!existsSync(file)) run('gcc', ['-O2', '-static', '-o', file, join(ROOT, `bench/${name}.c`)]);
  return file;
}
