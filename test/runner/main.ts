/** The steps of a test run, in order, and the summary. Started by test/run.mjs. */

import { missingPackages } from './packages.ts';
import { check, failure, type Report, skip } from './report.ts';
import { runSuite, SUITES, type Suite } from './suite.ts';
import { printReport, printSummary } from './summary.ts';
import { endOnSignals, runTool } from './tool.ts';

const CHECKS = ['build', 'typecheck', 'lint'];
const { steps, files } = parseArguments(process.argv.slice(2));
const strict = process.env.CI === 'true';
const obstacle = whyNoKernel();

endOnSignals();
const reports: Report[] = [];
if (obstacle === undefined && SUITES.some((suite) => suite.needsKernel && steps.has(suite.name))) {
  await step(missingPackages());
}
const built = await step(runCheck('build', ['node', 'build.mjs']));
await step(runCheck('typecheck', ['node_modules/.bin/tsc', '--noEmit']));
await step(runCheck('lint', ['node_modules/.bin/biome', 'check', '.']));
for (const suite of SUITES) if (steps.has(suite.name)) await step(runOrSkip(suite));
if (files.length > 0 && !reports.some((report) => SUITES.some((suite) => suite.name === report.name)))
  reports.push(failure('files', `none has ${files.join(' or ')} in its path`));
process.exit(printSummary(reports, strict));

async function step(pending: Promise<Report | undefined>): Promise<boolean> {
  const report = await pending;
  if (report === undefined) return true;
  reports.push(report);
  printReport(report);
  return report.failed.length === 0;
}

async function runCheck(name: string, argv: string[]): Promise<Report | undefined> {
  return steps.has(name) ? check(name, await runTool(argv)) : undefined;
}

/** Without words that choose files, a suite without any is a mistake. */
async function runOrSkip(suite: Suite): Promise<Report | undefined> {
  if (suite.needsKernel && obstacle !== undefined) return skip(suite.name, `all of it: ${obstacle}`);
  if (suite.needsBuild && !built) return failure(suite.name, 'all of it: the build failed');
  const report = await runSuite(suite, files);
  return report ?? (files.length > 0 ? undefined : failure(suite.name, `test/${suite.name} has no tests`));
}

/** Names of steps choose these; other words choose test files. What needs the build gets it. */
function parseArguments(words: string[]): { steps: Set<string>; files: string[] } {
  const suites = SUITES.map((suite) => suite.name);
  const named = words.filter((word) => [...CHECKS, ...suites].includes(word));
  const files = words.filter((word) => !named.includes(word));
  if (words.length === 0) return { steps: new Set([...CHECKS, ...suites]), files };
  const steps = new Set(named.length > 0 ? named : suites);
  if (SUITES.some((suite) => suite.needsBuild && steps.has(suite.name))) steps.add('build');
  return { steps, files };
}

function whyNoKernel(): string | undefined {
  if (process.platform !== 'linux') return `it needs Linux, and this is ${process.platform}`;
  return process.geteuid?.() === 0 ? undefined : 'it needs root (try sudo)';
}
