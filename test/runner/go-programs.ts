/** Builds the Go programs that the interop tests need and that are not in the cache yet. */

import { GO_MODULES, type GoModule, type GoModuleName, goDirectory, missingPrograms } from '../support/go-programs.ts';
import type { Report } from './report.ts';
import { runTool } from './tool.ts';

/**
 * Builds what is missing, if anything is. What cannot be built is no failure here: the tests that need it are skipped by
 * name, and the run says why.
 */
export async function buildGoPrograms(names: readonly GoModuleName[]): Promise<Report | undefined> {
  const wanted = [...new Set(names)].map((name): GoModule => GO_MODULES[name]);
  const missing = wanted.filter((module) => missingPrograms(module).length > 0);
  if (missing.length === 0) return undefined;
  const started = performance.now();
  const skipped: string[] = [];
  const outputs: string[] = [];
  for (const next of missing) {
    const { module, version, reason } = next;
    console.log(`go install ${module}@${version}: ${reason}`);
    const built = await install(next);
    outputs.push(built.output);
    if (built.status !== 0) skipped.push(`${module}@${version}: ${built.ending}\n${built.output.trim().slice(-1000)}`);
  }
  return { name: 'go', ms: performance.now() - started, passed: [], failed: [], skipped, output: outputs.join('\n') };
}

/** Go's own caches, outside the project, make this a matter of seconds in a fresh clone on a machine that built it before. */
function install(wanted: GoModule) {
  const { module, version, packages, within } = wanted;
  const paths = packages.map((path) => `${module}/${path}${within === undefined ? `@${version}` : ''}`);
  const where = within === undefined ? [] : ['-C', within];
  return runTool(['go', ...where, 'install', ...paths], {
    ...process.env,
    GOBIN: goDirectory(wanted),
    CGO_ENABLED: '0',
  });
}
