// The engine: built with cargo where .cache/engine does not have it, and made into the executable with a bundle's heap.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, relative } from 'node:path';
import { fillHeap } from './executable.mjs';
import { complaint, runLong } from './run.mjs';
import { ensureRust, TARGETS } from './rust.mjs';
import { ROOT } from './setup.mjs';

const SOURCES = join(ROOT, 'engine');
const CACHE = join(ROOT, '.cache');
const CARGO_TARGET = join(CACHE, 'cargo');
const CHANGES_CODE =
  /^(RUSTFLAGS|RUSTC.*|CARGO_(ENCODED_RUSTFLAGS|(BUILD|TARGET|PROFILE)_.*)|((HOST|TARGET)_)?(CC|CFLAGS|AR|ARFLAGS)(_.*)?)$/;

/** The engine's file for that processor, built if need be. */
export async function ensureEngine(arch, say) {
  const directory = join(CACHE, 'engine', `${arch}-${hashOfSources()}`);
  const engine = join(directory, 'engine');
  if (existsSync(engine)) return engine;
  const rust = await ensureRust(arch, say);
  say(`cargo build (engine/, for ${arch})`);
  const built = await buildWithCargo(arch, rust);
  mkdirSync(directory, { recursive: true });
  copyFileSync(built, `${engine}.new`);
  renameSync(`${engine}.new`, engine);
  return engine;
}

/** The executable's bytes: the engine with what evaluating `bundle` leaves in its heap. */
export function makeExecutable(arch, engine, bundle) {
  const step = (name, input) => {
    try {
      const [file, ...args] = [...commandOf(arch, engine), name];
      return execFileSync(file, args, { input, env: {}, maxBuffer: 1 << 28, stdio: ['pipe', 'pipe', 'pipe'] });
    } catch (error) {
      throw complaint(`the bundle cannot become an executable: ${String(error.stderr || error.message).trim()}`);
    }
  };
  return fillHeap(readFileSync(engine), step('make', step('compile', bundle)));
}

/** What is in the engine besides crates: names and versions. */
export function versionsIn(arch, engine) {
  const [file, ...args] = [...commandOf(arch, engine), 'versions'];
  const lines = execFileSync(file, args, { encoding: 'utf8' }).trim().split('\n');
  return lines.map((line) => line.split(' ')).map(([name, version]) => ({ name, version }));
}

function commandOf(arch, engine) {
  return arch === nativeArch() ? [engine] : ['qemu-aarch64-static', engine];
}

function nativeArch() {
  return process.platform === 'linux' ? process.arch : undefined;
}

/** Builds it with cargo. @returns the file */
async function buildWithCargo(arch, rust) {
  const { triple } = TARGETS[arch];
  await cargo(arch, rust, ['build', '--release']);
  return join(CARGO_TARGET, triple, 'release/engine');
}

/**
 * Runs a command of cargo on the engine, for that processor. The same sources must give the same bytes in whatever directory
 * they lie. So nothing of the environment that changes how things are compiled reaches the compilers, and paths become
 * relative: those that Rust puts into messages of crates, and those in the assertions of QuickJS.
 */
export async function cargo(arch, { cargo: file, rustc }, args) {
  const { triple } = TARGETS[arch];
  const cargoHome = process.env.CARGO_HOME ?? join(homedir(), '.cargo');
  const kept = Object.entries(process.env).filter(([name]) => !CHANGES_CODE.test(name));
  const env = {
    ...Object.fromEntries(kept),
    RUSTC: rustc,
    CARGO_TARGET_DIR: CARGO_TARGET,
    [`CFLAGS_${triple.replaceAll('-', '_')}`]: `-ffile-prefix-map=${CARGO_TARGET}=.`,
  };
  const remap = [`--remap-path-prefix=${cargoHome}=cargo`, `--remap-path-prefix=${ROOT}=.`];
  const config = `target.${triple}.rustflags=${JSON.stringify(remap)}`;
  const [command, ...options] = args;
  await runLong(file, [command, '--locked', `--target=${triple}`, `--config=${config}`, ...options], {
    cwd: SOURCES,
    env,
  });
}

function hashOfSources() {
  const hash = createHash('sha256');
  for (const path of filesBelow(SOURCES)) hash.update(`${relative(SOURCES, path)}\0`).update(readFileSync(path));
  return hash.digest('hex').slice(0, 16);
}

function filesBelow(directory) {
  return readdirSync(directory, { withFileTypes: true })
    .filter(({ name }) => name !== 'target')
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(directory, entry.name);
      return entry.isDirectory() ? filesBelow(path) : [path];
    });
}
