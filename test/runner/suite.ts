/** A suite of tests: a folder below test/, run by `bun test`, counted from its JUnit report. */

import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { GoModuleName } from '../support/go-programs.ts';
import { scratchDirectory } from '../support/scratch.ts';
import type { UnpackedName } from '../support/unpacked.ts';
import { parseJunit, type TestCase } from './junit.ts';
import { failure, type Report } from './report.ts';
import { ROOT, runTool, type ToolRun } from './tool.ts';

export interface Suite {
  readonly name: string;
  readonly needsKernel: boolean;
  readonly needsBuild: boolean;
  /** Programs built from Go modules. */
  readonly goModules?: readonly GoModuleName[];
  /** Programs of Debian's packages that are not installed. */
  readonly unpacked?: readonly UnpackedName[];
  /** Runs only when it is named: what it needs takes too long to build. */
  readonly onDemand?: true;
  /** Files that run at the same time. */
  readonly workers: number;
  /** Of the whole suite, where that is not the usual one. */
  readonly deadlineMs?: number;
  /** Said beside its figures. */
  readonly note?: string;
}

/** `npm run test:reliability` asks for it. */
const isFull = process.env.TRESTLE_RELIABILITY === 'full';
const SHORT_FORM =
  'short form: system calls that may change something, an error and a rescue each, 240 racing calls; ' +
  '"npm run test:reliability" strikes at every call';

export const SUITES: readonly Suite[] = [
  { name: 'unit', needsKernel: false, needsBuild: false, workers: 2 },
  { name: 'kernel', needsKernel: true, needsBuild: false, workers: 2 },
  { name: 'e2e', needsKernel: true, needsBuild: true, workers: 2, deadlineMs: 900_000 },
  {
    name: 'interop',
    needsKernel: true,
    needsBuild: true,
    goModules: ['cni', 'plugins', 'flannel', 'containerd', 'cri-tools'],
    unpacked: ['firewalld', 'ufw', 'dbus-daemon'],
    workers: 2,
    deadlineMs: 900_000,
  },
  {
    name: 'kubelet',
    needsKernel: true,
    needsBuild: true,
    goModules: ['containerd', 'kubernetes'],
    onDemand: true,
    workers: 1,
  },
  {
    name: 'reliability',
    needsKernel: true,
    needsBuild: true,
    workers: 2,
    ...(isFull ? { deadlineMs: 8 * 3_600_000 } : { note: SHORT_FORM }),
  },
];

export const TEST_TIMEOUT_MS = 60_000;

/** The test files of a suite, or those with one of the words in their path. */
export function filesOf(suite: Pick<Suite, 'name'>, words: readonly string[] = []): string[] {
  const all = [...new Bun.Glob(`test/${suite.name}/**/*.test.ts`).scanSync(ROOT)].sort();
  return all.filter((file) => words.length === 0 || words.some((word) => file.includes(word)));
}

/** Runs test files of a suite. A suite without any is a mistake. */
export async function runSuite(suite: Suite, files: readonly string[]): Promise<Report> {
  if (files.length === 0) return failure(suite.name, `test/${suite.name} has no tests`);
  const scratch = scratchDirectory();
  try {
    const outfile = join(scratch, 'junit.xml');
    const tool = await runTool(command(suite, files, outfile), process.env, suite.deadlineMs);
    return count(suite, files, tool, parseJunit(readIfThere(outfile)));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The report of a suite from what `bun test` wrote. A file that it does not mention, or an exit status that no test explains, is a failure. */
export function count(
  suite: Pick<Suite, 'name' | 'note'>,
  files: readonly string[],
  tool: ToolRun,
  cases: TestCase[],
): Report {
  const lines = (state: TestCase['state']) =>
    cases.filter((test) => test.state === state).map((test) => `${test.file}: ${test.name}`);
  const silent = files.filter((file) => !cases.some((test) => test.file === file));
  const failed = [...lines('failed'), ...silent.map((file) => `${file}: no test in it has run`)];
  if (tool.status !== 0 && failed.length === 0) failed.push(`bun test: ${tool.ending}, though no test failed`);
  const { name, note } = suite;
  const notes = [...(note === undefined ? [] : [note]), ...figuresIn(tool.output)];
  return { name, ms: tool.ms, passed: lines('passed'), failed, skipped: lines('skipped'), notes, output: tool.output };
}

/** Tests that have figures to tell print them in lines that begin so. */
function figuresIn(output: string): string[] {
  return output.split('\n').filter((line) => line.startsWith('» '));
}

function command(suite: Suite, files: readonly string[], outfile: string): string[] {
  const flags = [`--timeout=${TEST_TIMEOUT_MS}`, `--parallel=${suite.workers}`, '--only-failures'];
  const junit = ['--reporter=junit', `--reporter-outfile=${outfile}`];
  return [process.execPath, 'test', ...flags, ...junit, ...files.map((file) => `./${file}`)];
}

export function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
