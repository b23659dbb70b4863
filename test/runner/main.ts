/** The steps of a test run, in order, and the summary. Started by test/run.mjs. */

import { ARM64 } from './arm64/name.ts';
import { type Selection as Arm64Selection, runArm64, select as selectArm64 } from './arm64/step.ts';
import { withoutCovered } from './covered.ts';
import { buildGoPrograms } from './go-programs.ts';
import { KERNEL61 } from './kernel61/name.ts';
import { PEERS, runKernel61, type Selection, select } from './kernel61/step.ts';
import { installMissing } from './packages.ts';
import { check, failure, type Report, skip } from './report.ts';
import { filesOf, runSuite, SUITES, type Suite } from './suite.ts';
import { printReport, printSummary } from './summary.ts';
import { endOnSignals, runTool } from './tool.ts';
import { unpackPrograms } from './unpacked.ts';

interface Plan {
  readonly checks: ReadonlySet<string>;
  readonly suites: readonly { suite: Suite; files: readonly string[] }[];
  readonly kernel61: Selection | undefined;
  readonly arm64: readonly Arm64Selection[];
}

const CHECKS = ['build', 'typecheck', 'lint'];
/** With kernel61 or arm64: all of it. */
const WHOLE = '--whole';

const plan = parseArguments(process.argv.slice(2));
const obstacle = whyNoKernel();
const reports: Report[] = [];

endOnSignals();
if (plan.checks.size + plan.suites.length === 0 && plan.kernel61 === undefined && plan.arm64.length === 0)
  done(failure('files', 'no test file has these words in its path'));
const emulated = [...(plan.kernel61 ? [KERNEL61] : []), ...(plan.arm64.length > 0 ? [ARM64] : [])];
if (obstacle === undefined && (emulated.length > 0 || plan.suites.some(({ suite }) => suite.needsKernel)))
  done(await installMissing(emulated));
const peers = [...plan.suites.flatMap(({ suite }) => suite.goModules ?? []), ...(plan.kernel61 ? PEERS : [])];
if (obstacle === undefined) done(await buildGoPrograms(peers));
if (obstacle === undefined) done(unpackPrograms(plan.suites.flatMap(({ suite }) => suite.unpacked ?? [])));
const built = await runCheck('build', ['node', 'build.mjs']);
await runCheck('typecheck', ['node_modules/.bin/tsc', '--noEmit']);
await runCheck('lint', ['node_modules/.bin/biome', 'check', '.']);
await runCheck('lint', ['node', 'tools/lint-engine.mjs'], 'lint engine');
for (const { suite, files } of plan.suites) {
  done(await runOrSkip(suite.name, suite, () => runSuite(suite, files)));
}
const { kernel61 } = plan;
if (kernel61 !== undefined) {
  done(await runOrSkip(KERNEL61, { needsKernel: true, needsBuild: true }, () => runKernel61(kernel61)));
}
if (plan.arm64.length > 0) await arm64(plan.arm64);
process.exit(printSummary(withoutCovered(reports), process.env.CI === 'true'));

function done(report: Report | undefined): void {
  if (report === undefined) return;
  reports.push(report);
  printReport(report);
}

/** @returns whether it is all right, which it is too when nobody asked for it */
async function runCheck(name: string, argv: string[], shown = name): Promise<boolean> {
  if (!plan.checks.has(name)) return true;
  const report = check(shown, await runTool(argv));
  done(report);
  return report.failed.length === 0;
}

/** It has a build of its own, of the executable for that processor. */
async function arm64(selections: readonly Arm64Selection[]): Promise<void> {
  if (obstacle !== undefined) return done(skip(ARM64, `all of it: ${obstacle}`));
  const report = check('build', await runTool(['node', 'build.mjs', '--arch=arm64']));
  done(report);
  if (report.failed.length > 0) return done(failure(ARM64, 'all of it: the build failed'));
  for (const selection of selections) done(await runArm64(selection));
}

async function runOrSkip(
  name: string,
  { needsKernel, needsBuild }: Pick<Suite, 'needsKernel' | 'needsBuild'>,
  run: () => Promise<Report>,
): Promise<Report> {
  if (needsKernel && obstacle !== undefined) return skip(name, `all of it: ${obstacle}`);
  if (needsBuild && !built) return failure(name, 'all of it: the build failed');
  return run();
}

/** Names of checks and suites choose these; other words choose test files. What needs the build gets it. */
function parseArguments(words: readonly string[]): Plan {
  const names = SUITES.map((suite) => suite.name);
  const inPath = words.filter((word) => ![...CHECKS, ...names, KERNEL61, ARM64, WHOLE].includes(word));
  const checks = new Set(CHECKS.filter((name) => words.length === 0 || words.includes(name)));
  const namesNone = ![...names, KERNEL61, ARM64].some((name) => words.includes(name));
  const everySuite = namesNone && (words.length === 0 || inPath.length > 0);
  const suites = SUITES.filter((suite) => (everySuite && !suite.onDemand) || words.includes(suite.name))
    .map((suite) => ({ suite, files: filesOf(suite, inPath) }))
    .filter(({ files }) => files.length > 0 || inPath.length === 0);
  const kernel61 = selectionOf(words, inPath);
  const arm64 = words.includes(ARM64) ? selectArm64(inPath, words.includes(WHOLE)) : [];
  if (kernel61 !== undefined || suites.some(({ suite }) => suite.needsBuild)) checks.add('build');
  return { checks, suites, kernel61, arm64 };
}

function selectionOf(words: readonly string[], inPath: readonly string[]): Selection | undefined {
  if (words.length > 0 && !words.includes(KERNEL61)) return undefined;
  const selection = select(inPath, words.includes(WHOLE));
  return selection.files.length > 0 ? selection : undefined;
}

function whyNoKernel(): string | undefined {
  if (process.platform !== 'linux') return `it needs Linux, and this is ${process.platform}`;
  return process.geteuid?.() === 0 ? undefined : 'it needs root (try sudo)';
}
