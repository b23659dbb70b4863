/** Builds the Go programs that the interop tests need and that are not in the cache yet. */

import { GO_MODULES, type GoModule, goDirectory, missingPrograms } from '../support/go-programs.ts';
import type { Report } from './report.ts';
import { runTool } from './tool.ts';

/**
 * Builds what is missing, if anything is. What cannot be built is no failure here: the tests that need it are skipped by
 * name, and the run says why.
 */
export async function buildGoPrograms(): Promise<Report | undefined> {
  const missing = Object.values<GoModule>(GO_MODULES).filter((wanted) => missingPrograms(wanted).length > 0);
  if (missing.length === 0) return undefined;
  const started = performance.now();
  const skipped: string[] = [];
  const outputs: string[] = [];
  for (const wanted of missing) {
    const { module, version, reason } = wanted;
    console.log(`go install ${module}@${version}: ${reason}`);
    const built = await install(wanted);
    outputs.push(built.output);
    if (built.status !== 0) skipped.push(`${module}@${version}: ${built.ending}\n${built.output.trim().slice(-1000)}`);
  }
  return { name: 'go', ms: performance.now() - started, passed: 0, failed: [], skipped, output: outputs.join('\n') };
}

/** Go's own caches, outside the project, make this a matter of seconds in a fresh clone on a machine that built it before. */
function install(wanted: GoModule) {
  const packages = wanted.packages.map((path) => `${wanted.module}/${path}@${wanted.version}`);
  return runTool(['go', 'install', ...packages], { ...process.env, GOBIN: goDirectory(wanted), CGO_ENABLED: '0' });
}
