// Rust and a C compiler with musl, for the engine: found, or on Debian and Ubuntu installed.

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { complaint, runLong } from './run.mjs';
import { ensureDebianPackages, isThere, ROOT, searchPath } from './setup.mjs';

/** What each processor's engine takes, by Node's name of the processor. */
export const TARGETS = {
  x64: {
    triple: 'x86_64-unknown-linux-gnu',
    packages: [{ provides: 'musl-gcc', name: 'musl-tools', why: 'the C library of dist/trestle' }],
    rust: [],
  },
  arm64: {
    triple: 'aarch64-unknown-linux-gnu',
    foreign: 'arm64',
    packages: [
      { provides: 'aarch64-linux-gnu-gcc', name: 'gcc-aarch64-linux-gnu', why: 'the C compiler for arm64' },
      {
        provides: 'qemu-aarch64-static',
        name: 'qemu-user-static',
        why: 'to make the snapshot, and to start the result',
      },
      {
        provides: 'aarch64-linux-musl-gcc',
        name: 'musl-dev:arm64',
        why: 'the C library of dist/trestle-arm64',
      },
    ],
    rust: ['libstd-rust-web-dev:arm64'],
  },
};

/** Debian 12 has its current Rust under the first name, later ones and Ubuntu under the second. */
const RUST_PACKAGES = ['cargo-web', 'cargo'];
const LINTERS = [
  { provides: 'cargo-clippy', packages: ['rust-web-clippy', 'rust-clippy'] },
  { provides: 'cargo-fmt', packages: ['rustfmt-web', 'rustfmt'] },
];
const WHY_RUST = 'the engine of dist/trestle is written in it';
/** `rust-version` of the engine. */
const LEAST_VERSION = /^rust-version = "(\d+)\.(\d+)/m
  .exec(readFileSync(join(ROOT, 'engine/Cargo.toml'), 'utf8'))
  ?.slice(1)
  .map(Number);

/**
 * Sees to all that it takes to build the engine for that processor.
 * @returns {{ cargo: string, rustc: string }} throws a complaint that says what is missing, where it cannot be had
 */
export async function ensureRust(arch, say) {
  const { triple, foreign, packages, rust } = TARGETS[arch];
  if (foreign !== undefined && packages.some(({ provides }) => !isThere(provides))) await addArchitecture(foreign, say);
  await ensureDebianPackages(packages, say);
  const found = findRust(triple);
  if (found !== undefined) return found;
  const wanted = `Rust ${LEAST_VERSION.join('.')} or later for ${triple}`;
  if (!isThere('apt-get')) throw complaint(`missing: cargo and rustc, ${wanted} (${WHY_RUST})`);
  for (const name of RUST_PACKAGES) {
    if (foreign !== undefined) await addArchitecture(foreign, say);
    say(`apt-get install ${[name, ...rust].join(' ')} (${WHY_RUST})`);
    try {
      await install([name, ...rust]);
    } catch {
      continue; // the next name; whether one was enough is looked at below
    }
    const installed = findRust(triple);
    if (installed !== undefined) return installed;
  }
  throw complaint(`missing, and no package brings it: ${wanted} (${WHY_RUST})`);
}

/** The same, with the tools that look at the engine's source. */
export async function ensureRustLinters(say) {
  const rust = await ensureRust('x64', say);
  const lacking = LINTERS.filter(({ provides }) => !isThere(join(dirname(rust.cargo), provides)));
  for (const { provides, packages } of lacking) {
    for (const name of packages) {
      say(`apt-get install ${name} (it looks at the engine's source)`);
      await install([name]).catch(() => {}); // the next name; whether it is there is looked at below
      if (isThere(join(dirname(rust.cargo), provides))) break;
    }
    if (!isThere(join(dirname(rust.cargo), provides))) throw complaint(`missing: ${provides}, beside ${rust.cargo}`);
  }
  return rust;
}

/** Of those in PATH and where packages put them, the first that is new enough and has the target's library. */
function findRust(triple) {
  const cargos = searchPath()
    .map((directory) => join(directory, 'cargo'))
    .filter(isThere);
  return cargos
    .map((cargo) => ({ cargo, rustc: join(dirname(cargo), 'rustc') }))
    .find(({ rustc }) => isThere(rustc) && isNewEnough(rustc) && hasLibrary(rustc, triple));
}

function isNewEnough(rustc) {
  const [major, minor] = (/^rustc (\d+)\.(\d+)/.exec(ask(rustc, '--version')) ?? []).slice(1).map(Number);
  return major > LEAST_VERSION[0] || (major === LEAST_VERSION[0] && minor >= LEAST_VERSION[1]);
}

function hasLibrary(rustc, triple) {
  const directory = ask(rustc, '--print=target-libdir', `--target=${triple}`).trim();
  return existsSync(directory) && readdirSync(directory).some((name) => name.startsWith('libcore-'));
}

function ask(file, ...args) {
  try {
    return execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return '';
  }
}

async function addArchitecture(foreign, say) {
  if (!isThere('dpkg') || ask('dpkg', '--print-foreign-architectures').split('\n').includes(foreign)) return;
  say(`dpkg --add-architecture ${foreign}, apt-get update`);
  await runLong('dpkg', ['--add-architecture', foreign]);
  await runLong('apt-get', ['update', '-q']);
}

async function install(names) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', PATH: searchPath().join(delimiter) };
  const attempt = () => runLong('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...names], { env });
  await attempt().catch(async () => {
    await runLong('apt-get', ['update', '-q'], { env });
    await attempt();
  });
}
