/** A kernel of Debian's: its package is fetched and unpacked, and not installed, so nothing of the machine's own boot changes. */

import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Apt } from './apt.ts';
import { runHere } from './run.ts';

export interface KernelPackage {
  /** It is empty, and depends on the real one: `linux-image-amd64`. */
  readonly name: string;
  /** What the release begins with: `6.1.` */
  readonly version: string;
}

/**
 * Unpacks it in `tree` below a directory, where it stays.
 * @returns its release: `6.1.0-56-amd64`. @throws Error that says what could not be had
 */
export function ensureKernel(
  { name, version }: KernelPackage,
  apt: Apt,
  directory: string,
  say: (line: string) => void,
): string {
  const noted = join(directory, 'release');
  if (existsSync(noted)) return readFileSync(noted, 'utf8');
  const real = apt.dependency(name, /^linux-image-/);
  if (real === undefined) throw new Error(`apt knows no package ${name}`);
  const release = real.replace('linux-image-', '');
  if (!release.startsWith(version)) throw new Error(`${name} is ${release} here, not ${version}`);
  say(`apt-get download ${real}: a kernel for the tests, unpacked in ${directory}`);
  rmSync(join(directory, 'tree'), { recursive: true, force: true });
  apt.download(real, directory);
  for (const file of readdirSync(directory).filter((entry) => entry.endsWith('.deb'))) {
    runHere(directory, ['dpkg', '-x', file, 'tree']);
    rmSync(join(directory, file));
  }
  writeFileSync(noted, release);
  return release;
}
