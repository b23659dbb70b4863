/** The programs under test: every end-to-end test runs on each of them. */

import { describe } from 'bun:test';
import { existsSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from './process.ts';
import { scratchDirectory } from './scratch.ts';

export interface Artifact {
  readonly name: string;
  readonly path: string;
  /** The PATH it gets. The plugin needs no program, so it finds none, except that a script finds its interpreter. */
  readonly searchPath: string;
}

const ROOT = join(import.meta.dir, '../..');
const NOWHERE = '/nonexistent';
/** Where the executable for another processor lies, with its link for IPAM, in a run on a machine of that kind. */
const ELSEWHERE = process.env.TRESTLE_TEST_EXECUTABLES;
const BUILT = ELSEWHERE ?? join(ROOT, 'dist');
let nodeDirectory: string | undefined;

/** What runs on nodes. */
export const executable: Artifact = { name: 'dist/trestle', path: join(BUILT, 'trestle'), searchPath: NOWHERE };

const bundle: Artifact = {
  name: 'dist/trestle.cjs',
  path: join(ROOT, 'dist/trestle.cjs'),
  get searchPath() {
    return onlyNode();
  },
};

/** What is shipped, in dist/. A bundle is the same for every processor, so where another is tried it is not among them. */
export const artifacts: readonly Artifact[] = ELSEWHERE === undefined ? [executable, bundle] : [executable];

/** The IPAM plugin's name for the executable. */
export const ipamArtifact: Artifact = {
  name: 'dist/trestle-ipam',
  path: join(BUILT, 'trestle-ipam'),
  searchPath: NOWHERE,
};

/** The reference plugins' directory (Debian's containernetworking-plugins). */
export const REFERENCE_DIRECTORY = '/usr/lib/cni';

/** A reference plugin, which speaks the same protocol: `reference('bridge')`. */
export function reference(plugin: string): Artifact {
  const path = join(REFERENCE_DIRECTORY, plugin);
  return { name: `reference ${plugin}`, path, searchPath: '/usr/sbin:/usr/bin:/sbin:/bin' };
}

/** A group of tests for each artifact, or, unless `all`, for the one that the run is limited to. */
export function eachArtifact(body: (artifact: Artifact) => void, { all = false } = {}): void {
  const only = process.env.TRESTLE_TEST_ARTIFACTS ?? 'all';
  const chosen = artifacts.filter(({ name }) => all || only === 'all' || name === only);
  for (const artifact of chosen) describe(artifact.name, () => body(artifact));
}

/** @throws Error that says what to run, when the artifact is not there. */
export function requireBuilt(artifact: Artifact): void {
  if (existsSync(artifact.path)) return;
  throw new Error(
    `${artifact.path} does not exist; run: ${artifact.name.startsWith('dist') ? 'node build.mjs' : 'npm test'}`,
  );
}

/** The directory an artifact lies in: CNI_PATH, unless a test says otherwise. */
export function pluginDirectory(artifact: Artifact): string {
  return dirname(artifact.path);
}

/** A directory with nothing but a link called `node`, to the real executable and not to a version manager's shim. */
function onlyNode(): string {
  if (nodeDirectory === undefined) {
    const found = Bun.which('node');
    if (found === null) throw new Error('node is not in PATH, and dist/trestle.cjs runs on it');
    const real = run([found, '-p', 'process.execPath'], { env: { PATH: process.env.PATH ?? '' } }).trim();
    nodeDirectory = scratchDirectory();
    symlinkSync(real, join(nodeDirectory, 'node'));
  }
  return nodeDirectory;
}
