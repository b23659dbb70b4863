/** Two builds of the same sources, at different paths, are the same to the byte. */

import { expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { run } from '../support/process.ts';
import { scratchName } from '../support/scratch.ts';
import { SWEEP_TIMEOUT_MS, tell } from './support/form.ts';

const ROOT = join(import.meta.dir, '../..');
const SOURCES = [
  'src',
  'engine',
  'deploy',
  'tools',
  'build.mjs',
  'sbom.mjs',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
];
const PRODUCTS = ['trestle', 'trestle.cjs', 'trestle.sbom.json'];

/** Where Rust and the crates are that were downloaded. */
const RUST = {
  CARGO_HOME: process.env.CARGO_HOME ?? join(homedir(), '.cargo'),
  RUSTUP_HOME: process.env.RUSTUP_HOME ?? join(homedir(), '.rustup'),
};

/**
 * A copy of the sources with the installed packages, whose files are linked, in which the engine is built too. Links need
 * the same file system.
 */
function built(directory: string): string[] {
  mkdirSync(directory, { recursive: true });
  run(['cp', '-r', ...SOURCES.map((name) => join(ROOT, name)), directory]);
  run(['cp', '-al', join(ROOT, 'node_modules'), directory]);
  run([process.env.NODE ?? (Bun.which('node') as string), join(directory, 'build.mjs')], {
    env: {
      ...RUST,
      PATH: process.env.PATH ?? '',
      HOME: directory,
      TZ: directory.length % 2 ? 'UTC' : 'Asia/Tokyo',
      RUSTFLAGS: `-Cdebuginfo=${directory.length % 2}`,
    },
    deadlineMs: SWEEP_TIMEOUT_MS / 2,
  });
  return PRODUCTS.map((name) => sha256(join(directory, 'dist', name)));
}

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

test(
  'the bundle, the executable and the bill of materials are reproducible',
  () => {
    const place = join(ROOT, '.cache', scratchName());
    try {
      const [one, other] = [built(join(place, 'a')), built(join(place, 'somewhere/else/bb'))];
      expect(other).toEqual(one);
      tell(`two builds: ${PRODUCTS.map((name, at) => `${name} ${one[at]?.slice(0, 12)}`).join(', ')}`);
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  },
  SWEEP_TIMEOUT_MS,
);
