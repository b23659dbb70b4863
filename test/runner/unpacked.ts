/** Unpacks the Debian packages that the interop tests need and that must not be installed. */

import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isMissing, UNPACKED, UNPACKED_ROOT, type UnpackedName } from '../support/unpacked.ts';
import { downloadMissing } from './emulated/apt.ts';
import { runHere } from './emulated/run.ts';
import type { Report } from './report.ts';

/**
 * Unpacks what is missing, if anything is. What cannot be had is no failure here: the tests that need it are skipped by
 * name, and the run says why.
 */
export function unpackPrograms(names: readonly UnpackedName[]): Report | undefined {
  const missing = names.filter(isMissing);
  if (missing.length === 0) return undefined;
  const started = performance.now();
  const skipped: string[] = [];
  for (const name of missing) console.log(`apt-get download ${UNPACKED[name].package}: ${UNPACKED[name].reason}`);
  try {
    unpack(missing.map((name) => UNPACKED[name].package));
  } catch (error) {
    skipped.push(`${missing.join(', ')}: ${(error as Error).message}`);
  }
  return { name: 'unpacked', ms: performance.now() - started, passed: [], failed: [], skipped, output: '' };
}

function unpack(packages: readonly string[]): void {
  const fresh = `${UNPACKED_ROOT}.new`;
  const archives = join(dirname(UNPACKED_ROOT), 'archives');
  for (const directory of [fresh, archives]) rmSync(directory, { recursive: true, force: true });
  for (const directory of [join(fresh, 'usr'), join(archives, 'partial')]) mkdirSync(directory, { recursive: true });
  if (existsSync(UNPACKED_ROOT)) cpSync(UNPACKED_ROOT, fresh, { recursive: true });
  downloadMissing(packages, archives);
  for (const file of readdirSync(archives).filter((name) => name.endsWith('.deb')))
    runHere(archives, ['dpkg-deb', '-x', file, fresh]);
  mergeUsr(fresh);
  rmSync(UNPACKED_ROOT, { recursive: true, force: true });
  renameSync(fresh, UNPACKED_ROOT);
  rmSync(archives, { recursive: true });
}

/** Packages still have files in /lib and /sbin, which are links to directories of /usr. */
function mergeUsr(root: string): void {
  for (const name of ['bin', 'lib', 'sbin'].filter((directory) => existsSync(join(root, directory)))) {
    cpSync(join(root, name), join(root, 'usr', name), { recursive: true });
    rmSync(join(root, name), { recursive: true });
  }
}
