// What a fresh clone on a fresh machine lacks, and getting it: npm packages, Debian packages, the build. Each function
// looks first and does only what is missing; `say` is called before anything that takes a while. Only built-ins are
// imported, since this runs before `npm ci`.

import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { complaint, runLong } from './run.mjs';

/** The repository's root directory. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** The directory of what `npm run build` makes. */
export const DIST = join(ROOT, 'dist');

const BUILT = ['trestle', 'trestle-ipam', 'trestle.cjs'];
const SOURCES = ['src', 'engine', 'build.mjs', 'sbom.mjs', 'package.json', 'package-lock.json'];
const SYSTEM_PATH = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** Throws a complaint unless this is Linux and the user is root, with Node 20: what a user has to bring. */
export function requireLinuxRoot() {
  if (process.platform !== 'linux')
    throw complaint(`this needs Linux (network namespaces); this is ${process.platform}`);
  const version = Number.parseInt(process.versions.node, 10);
  if (version < 20) throw complaint(`this needs Node 20 or later; this is ${process.version}`);
  if (process.getuid() !== 0) throw complaint('this needs root, to make network namespaces: run it again with sudo');
  process.env.PATH = searchPath().join(delimiter);
}

/** Runs `npm ci` where node_modules is missing or not what package-lock.json says. @returns what was done. */
export async function ensureNpmPackages(say) {
  const reason = npmReason();
  if (!reason) return 'present';
  say(`npm ci (${reason})`);
  await runLong('npm', ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: ROOT });
  return 'installed with npm ci';
}

/**
 * Installs the Debian packages of which something is missing.
 * @param wanted `{ provides, name, why }`: a command or an absolute path, the package that brings it, what it is for.
 * @returns what was done; throws a complaint that names all that is missing where it cannot be installed.
 */
export async function ensureDebianPackages(wanted, say) {
  const missing = wanted.filter(({ provides }) => !isThere(provides));
  if (missing.length === 0) return 'present';
  const listed = missing.map(({ name, why }) => `${name} (${why})`).join(', ');
  if (!isThere('apt-get')) throw complaint(`missing, and there is no apt-get here to install it: ${listed}`);
  say(`apt-get install ${listed}`);
  await aptInstall(missing.map(({ name }) => name));
  const absent = missing.filter(({ provides }) => !isThere(provides));
  if (absent.length > 0)
    throw complaint(`installed, but still missing: ${absent.map((item) => item.provides).join(', ')}`);
  return `installed ${missing.map(({ name }) => name).join(', ')}`;
}

/** Builds dist/ where it is missing or older than its sources. @returns what was done. */
export async function ensureBuild(say) {
  const reason = buildReason();
  if (!reason) return 'up to date';
  say(`node build.mjs (${reason})`);
  return (await runLong(process.execPath, ['build.mjs'], { cwd: ROOT })).trim();
}

function npmReason() {
  const installed = join(ROOT, 'node_modules/.package-lock.json');
  if (!existsSync(installed)) return 'node_modules is missing';
  const present = packagesIn(installed);
  const wanted = Object.entries(packagesIn(join(ROOT, 'package-lock.json')));
  const isStale = ([path, { version, optional }]) => {
    if (path === '' || (optional && !present[path])) return false;
    return present[path]?.version !== version;
  };
  return wanted.some(isStale) ? 'node_modules is older than package-lock.json' : undefined;
}

function packagesIn(lockfile) {
  return JSON.parse(readFileSync(lockfile, 'utf8')).packages;
}

/** A machine that never ran `apt-get update`, or not lately, cannot find or fetch the packages at the first try. */
async function aptInstall(names) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = () => runLong('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...names], { env });
  try {
    await install();
  } catch {
    await runLong('apt-get', ['update', '-q'], { env });
    await install();
  }
}

/** With the system's own directories, which a root shell made by plain `su` lacks. */
export function searchPath() {
  return [...new Set([...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_PATH])];
}

export function isThere(provided) {
  const paths = provided.startsWith('/') ? [provided] : searchPath().map((directory) => join(directory, provided));
  return paths.some(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function buildReason() {
  const built = BUILT.map((name) => join(DIST, name));
  const absent = built.find((path) => !existsSync(path));
  if (absent) return `${absent.slice(ROOT.length + 1)} is missing`;
  const oldest = Math.min(...built.map((path) => statSync(path).mtimeMs));
  const newer = SOURCES.flatMap((name) => filesUnder(join(ROOT, name))).find((path) => statSync(path).mtimeMs > oldest);
  return newer && `${newer.slice(ROOT.length + 1)} is newer than dist`;
}

function filesUnder(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path).flatMap((name) => filesUnder(join(path, name)));
}
