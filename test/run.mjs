// What `npm test` runs. It gets the npm packages where they are missing, then leaves the rest to test/runner, which runs on
// Bun, one of these packages. The last line on stdout is always `N passed, N failed`.
//
//   npm test                       everything
//   npm test -- unit kernel        these steps only (build, typecheck, lint, unit, kernel, e2e, interop, reliability, kernel61)
//   npm test -- kubelet            what everything does not include, for the time its build takes
//   npm test -- arm64              the same, for the time it takes to emulate arm64
//   npm test -- e2e add            of e2e, the files with "add" in their path
//   npm test -- kernel61 vlan      the same of kernel and e2e on a second kernel, in an emulated machine

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const BUN = join(ROOT, 'node_modules/.bin/bun');

if (!packagesAreCurrent()) installPackages();
const child = spawn(BUN, [join(ROOT, 'test/runner/main.ts'), ...process.argv.slice(2)], {
  cwd: ROOT,
  stdio: 'inherit',
  env: environment(),
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => giveUp(`cannot start Bun (${error.message}); remove node_modules and try again`));
child.on('exit', (status) => process.exit(status ?? 1));

/** npm notes in node_modules/.package-lock.json what it installed, and when. */
function packagesAreCurrent() {
  const installed = join(ROOT, 'node_modules/.package-lock.json');
  if (!existsSync(installed) || !existsSync(BUN)) return false;
  return statSync(installed).mtimeMs >= statSync(join(ROOT, 'package-lock.json')).mtimeMs;
}

function installPackages() {
  console.log('npm ci: the packages of package-lock.json are not installed yet');
  const done = spawnSync('npm', ['ci', '--no-fund', '--no-audit', '--loglevel=warn'], { cwd: ROOT, encoding: 'utf8' });
  if (done.status !== 0) giveUp(`npm ci failed:\n${done.stdout ?? ''}${done.stderr ?? ''}${done.error ?? ''}`);
}

/** What is tested is measured too, and this variable alone costs a Node process 50 ms. npm, above, may need it. */
function environment() {
  const { NODE_EXTRA_CA_CERTS: _, ...rest } = process.env;
  return rest;
}

function giveUp(message) {
  console.log(`${message}\n\n0 passed, 1 failed`);
  process.exit(1);
}
