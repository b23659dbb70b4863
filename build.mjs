// Builds everything that is shipped, into dist/:
//   trestle.cjs    one CommonJS bundle (esbuild), for Node >= 20 with the koffi package beside it
//   trestle        the same compiled into one executable (Bun), for x86-64 Linux
//   trestle-ipam   a link to it: the IPAM plugin is the same program under another name
//   trestle.sbom.json   what is in them: packages, versions, hashes (CycloneDX)
//
//   node build.mjs                 for this machine
//   node build.mjs --arch=arm64    the executable for arm64, as dist/trestle-arm64

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { billOfMaterials } from './sbom.mjs';

const ROOT = dirname(fileURLToPath(import.meta.url));
const DIST = join(ROOT, 'dist');
const BUN = join(ROOT, 'node_modules/.bin/bun');
const BUNDLE = join(DIST, 'trestle.cjs');
const pkg = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

mkdirSync(DIST, { recursive: true });
const { metafile } = await bundle('src/main.ts', BUNDLE, {});
chmodSync(BUNDLE, 0o755);
writeFileSync(join(DIST, 'trestle.sbom.json'), `${JSON.stringify(billOfMaterials(ROOT, metafile), null, 2)}\n`);
const arch = argument('arch') ?? 'x64';
const scratch = mkdtempSync(join(tmpdir(), 'trestle-build-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
if (arch === 'x64') await compileHere();
else if (arch === 'arm64') await compileForArm64();
else fail(`cannot build for --arch=${arch}: it is neither x64 nor arm64`);

/** One file; FFI comes from the runtime (`bun:ffi`) or from beside the bundle (`koffi`). */
async function bundle(entry, outfile, { alias = {}, external = [] }) {
  return await build({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    outfile,
    bundle: true,
    metafile: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    minifySyntax: true,
    alias,
    external: ['bun:ffi', 'koffi', ...external],
    define: { TRESTLE_VERSION: JSON.stringify(pkg.version) },
    banner: { js: '#!/usr/bin/env node' },
    logLevel: 'warning',
  });
}

async function compileHere() {
  const executable = join(DIST, 'trestle');
  await compile(executable, []);
  relink(join(DIST, 'trestle-ipam'), 'trestle');
  if (process.platform !== 'linux' || process.arch !== 'x64') return;
  const version = run(executable, ['--version'], 'the executable was built, but does not start here');
  console.log(`built dist/trestle, dist/trestle-ipam, dist/trestle.cjs (${version.trim()})`);
}

/** Cross-compiles onto Bun's arm64 build, which npm carries as a package. */
async function compileForArm64() {
  const bunVersion = JSON.parse(readFileSync(join(ROOT, 'node_modules/bun/package.json'), 'utf8')).version;
  const spec = `@oven/bun-linux-aarch64@${bunVersion}`;
  run('npm', ['pack', '--silent', '--pack-destination', scratch, spec], `cannot fetch ${spec}`);
  run('tar', ['-xzf', join(scratch, `oven-bun-linux-aarch64-${bunVersion}.tgz`), '-C', scratch], 'cannot unpack it');
  const runtime = join(scratch, 'package/bin/bun');
  await compile(join(DIST, 'trestle-arm64'), ['--target=bun-linux-arm64', `--compile-executable-path=${runtime}`]);
  console.log('built dist/trestle-arm64 (not started: it is for another processor)');
}

/**
 * execa goes in as a module of its own: within the bundle it would make every start a millisecond longer, and it is wanted
 * only where another plugin is run.
 *
 * The JIT is told to hold back a thousand times longer than it would: nothing here runs long enough to be worth compiling.
 * ADD takes 14.2 ms instead of 15.6 for it (medians of 40 in turn, 2 cores).
 *
 * The two --no-compile-autoload flags matter: a root program must not read `.env` or `bunfig.toml` from whatever
 * directory it happens to be started in.
 */
async function compile(executable, extra) {
  if (!existsSync(BUN)) fail('Bun is not installed: run `npm ci` first');
  const [main, execa] = [join(scratch, 'trestle.cjs'), join(scratch, 'execa.cjs')];
  await bundle('src/main.ts', main, { alias: { execa: './execa.cjs' }, external: ['./execa.cjs'] });
  await bundle('execa', execa, {});
  const autoload = ['--no-compile-autoload-dotenv', '--no-compile-autoload-bunfig'];
  const flags = ['--compile', '--bytecode', '--minify', '--compile-jit-policy=1000', ...autoload];
  const external = ['--external=koffi', '--external=./execa.cjs'];
  const compiled = join(scratch, 'trestle');
  run(
    BUN,
    ['build', ...flags, ...extra, ...external, main, execa, `--outfile=${compiled}`],
    `cannot compile ${executable}`,
  );
  writeInOneGo(executable, readFileSync(compiled));
}

/**
 * In one go, so that the kernel, where its file system can, holds the file in large folios and maps many pages at a time. The
 * compiler may leave it in memory page by page; a file that lies so takes 1.2 ms longer to start. One that is running stays.
 */
function writeInOneGo(file, bytes) {
  writeFileSync(`${file}.new`, bytes, { mode: 0o755 });
  renameSync(`${file}.new`, file);
}

function relink(path, target) {
  rmSync(path, { force: true });
  symlinkSync(target, path);
}

function run(file, args, complaint) {
  try {
    return execFileSync(file, args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    const illegal = error.signal === 'SIGILL';
    const hint = illegal
      ? "this CPU lacks instructions that Bun's default build needs: use dist/trestle.cjs under Node, or a Bun baseline build"
      : String(error.stderr || error.message).trim();
    fail(`${complaint}: ${hint}`);
  }
}

function argument(name) {
  return process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
}

function fail(message) {
  console.error(`build: ${message}`);
  process.exit(1);
}
