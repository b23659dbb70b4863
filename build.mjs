// Builds everything that is shipped, into dist/:
//   trestle.cjs    one CommonJS bundle (esbuild), for Node >= 20 with the koffi package beside it
//   trestle        the same program in one executable, on the engine in engine/, for x86-64 Linux
//   trestle-ipam   a link to it: the IPAM plugin is the same program under another name
//   trestle.sbom.json   what is in them: packages, versions, hashes (CycloneDX)
//
//   node build.mjs                 for this machine
//   node build.mjs --arch=arm64    the executable for arm64, as dist/trestle-arm64

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { billOfMaterials } from './sbom.mjs';
import { ensureEngine, makeExecutable, versionsIn } from './tools/engine.mjs';
import { complaint } from './tools/run.mjs';
import { DIST, ROOT } from './tools/setup.mjs';

const BUNDLE = join(DIST, 'trestle.cjs');
/** `trestle install --systemd` writes it. */
const UNIT = join(ROOT, 'deploy/systemd/trestle-watch.service');
const pkg = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

/** For Node: koffi is beside the bundle, not in it. */
const FOR_NODE = {
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  external: ['koffi'],
  banner: { js: '#!/usr/bin/env node' },
};
/** For the engine, which knows nothing of modules and has nothing but the language and `host`. */
const FOR_ENGINE = {
  platform: 'neutral',
  mainFields: ['module', 'main'],
  conditions: ['engine'],
  format: 'iife',
  target: 'es2023',
  minify: true,
};

try {
  await main(argument('arch') ?? 'x64');
} catch (error) {
  console.error(`build: ${error.plain ? error.message : error.stack}`);
  process.exitCode = 1;
}

async function main(arch) {
  if (arch !== 'x64' && arch !== 'arm64')
    throw complaint(`cannot build for --arch=${arch}: it is neither x64 nor arm64`);
  mkdirSync(DIST, { recursive: true });
  const { metafile } = await bundle({ ...FOR_NODE, outfile: BUNDLE });
  chmodSync(BUNDLE, 0o755);
  const { outputFiles } = await bundle({ ...FOR_ENGINE, write: false });
  const engine = await ensureEngine(arch, (what) => console.log(what));
  const bill = billOfMaterials(ROOT, metafile, versionsIn(arch, engine));
  writeFileSync(join(DIST, 'trestle.sbom.json'), `${JSON.stringify(bill, null, 2)}\n`);
  const executable = join(DIST, arch === 'x64' ? 'trestle' : 'trestle-arm64');
  writeInOneGo(executable, makeExecutable(arch, engine, outputFiles[0].contents));
  if (arch === 'x64') relink(join(DIST, 'trestle-ipam'), 'trestle');
  console.log(`built ${executable.slice(ROOT.length + 1)}, dist/trestle.cjs (${started(arch, executable)})`);
}

function bundle(options) {
  return build({
    absWorkingDir: ROOT,
    entryPoints: ['src/main.ts'],
    bundle: true,
    metafile: true,
    minifySyntax: true,
    define: { TRESTLE_VERSION: JSON.stringify(pkg.version), TRESTLE_UNIT: JSON.stringify(readFileSync(UNIT, 'utf8')) },
    logLevel: 'warning',
    ...options,
  });
}

/**
 * In one go, so that the kernel, where its file system can, holds the file in large folios and maps many pages at a time.
 * One that is running stays.
 */
function writeInOneGo(file, bytes) {
  writeFileSync(`${file}.new`, bytes, { mode: 0o755 });
  renameSync(`${file}.new`, file);
}

function relink(path, target) {
  rmSync(path, { force: true });
  symlinkSync(target, path);
}

/** What it answers to --version. */
function started(arch, executable) {
  const command = arch === process.arch ? [executable] : ['qemu-aarch64-static', executable];
  const [file, ...args] = [...command, '--version'];
  try {
    return execFileSync(file, args, { encoding: 'utf8' }).trim();
  } catch (error) {
    throw complaint(`the executable was built, but does not start: ${String(error.stderr || error.message).trim()}`);
  }
}

function argument(name) {
  return process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
}
