// How large the executable is, on disk and as a package would carry it.

import { copyFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../tools/run.mjs';

/** @returns `{ megabytes, compressedMegabytes }`, of 1,000,000 bytes; compressed by `xz -9e`, as Debian packages are by xz */
export function executableSize(file, directory) {
  const copy = join(directory, 'executable');
  copyFileSync(file, copy);
  run('xz', ['-9e', '--force', '--keep', copy]);
  const sizes = { megabytes: sizeOf(copy), compressedMegabytes: sizeOf(`${copy}.xz`) };
  for (const left of [copy, `${copy}.xz`]) rmSync(left);
  return sizes;
}

function sizeOf(file) {
  return statSync(file).size / 1e6;
}
