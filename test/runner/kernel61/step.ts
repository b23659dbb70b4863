/** The step kernel61: tests of the suites `kernel` and `e2e`, and one of `interop`, on Debian's stock kernel, in a virtual machine. */

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GoModuleName } from '../../support/go-programs.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { parseJunit } from '../junit.ts';
import { failure, type Report, skip } from '../report.ts';
import { count, filesOf, readIfThere } from '../suite.ts';
import { ROOT, type ToolRun } from '../tool.ts';
import { ensureImage, type Image } from './image.ts';
import { runMachine } from './machine.ts';
import { KERNEL61 } from './name.ts';

export interface Selection {
  readonly files: readonly string[];
  /** What the end-to-end tests run on, but for a few that need this kernel, which run on both. */
  readonly artifacts: 'all' | 'dist/trestle';
  readonly deadlineMs: number;
  /** For one test. */
  readonly testTimeoutMs: number;
  /** Said at the start. */
  readonly extent: string;
}

const MACHINES = 2;
/** Emulation is some 10 to 20 times slower: what a test waits for at most is multiplied. */
const PATIENCE = 6;
/**
 * Not in a run of everything: tests of the tests' own tools, and one about files that strikes hundreds of processes under strace, at
 * each system call in turn.
 */
const LEFT_OUT = ['test/kernel/harness/', 'test/kernel/ipam/kill.test.ts'];
/** Tests with peers that need this kernel, and nothing else than Go programs that were built outside. */
const OF_INTEROP = ['test/interop/differential-vlan.test.ts'];
export const PEERS: readonly GoModuleName[] = ['plugins'];
/** What a run of everything has time for of the end-to-end tests. What needs this kernel must be among it. */
const BRIEF_E2E = ['add', 'vlan'];

/** @param whole all that there is, however long it takes; else what fits into a test run with everything else */
export function select(words: readonly string[], whole: boolean): Selection {
  // What takes longest comes first, so that the machines end together.
  const needing = filesOf({ name: 'interop' }, words).filter((file) => OF_INTEROP.includes(file));
  const all = [...needing, ...filesOf({ name: 'e2e' }, words), ...filesOf({ name: 'kernel' }, words)];
  if (whole)
    return {
      files: all,
      artifacts: 'all',
      deadlineMs: 6 * 60 * 60_000,
      testTimeoutMs: 15 * 60_000,
      extent: `kernel and e2e on both artifacts, ${OF_INTEROP}`,
    };
  return {
    files: all.filter(isBrief),
    artifacts: 'dist/trestle',
    deadlineMs: 8 * 60_000,
    testTimeoutMs: 120_000,
    extent:
      `kernel without ${LEFT_OUT.join(' and ')}, of e2e ${BRIEF_E2E.join(' and ')} on dist/trestle, ${OF_INTEROP}; ` +
      'npm run test:kernel61 runs all of it',
  };
}

function isBrief(file: string): boolean {
  const e2e = /^test\/e2e\/(.*)\.test\.ts$/.exec(file);
  return e2e === null ? !LEFT_OUT.some((path) => file.startsWith(path)) : BRIEF_E2E.includes(e2e[1] as string);
}

export async function runKernel61(selection: Selection): Promise<Report> {
  if (process.arch !== 'x64') return skip(KERNEL61, `all of it: it needs x86-64, and this is ${process.arch}`);
  const image = imageOr((reason) => skip(KERNEL61, `all of it: ${reason}`));
  if ('name' in image) return image;
  console.log(`${KERNEL61}: ${selection.files.length} files on Linux ${image.release}, emulated: ${selection.extent}`);
  const exchange = scratchDirectory();
  try {
    writeJob(exchange, selection);
    const run = () => runMachine(image, exchange, selection.deadlineMs);
    return gather(exchange, selection.files, await Promise.all(Array.from({ length: MACHINES }, run)));
  } finally {
    rmSync(exchange, { recursive: true, force: true });
  }
}

function imageOr(otherwise: (reason: string) => Report): Image | Report {
  try {
    return ensureImage(console.log);
  } catch (error) {
    return otherwise((error as Error).message);
  }
}

/**
 * The guests' scripts. Each machine takes one file after another that none has taken yet, by making a directory; report,
 * output and status come under the file's number.
 */
function writeJob(exchange: string, { files, artifacts, testTimeoutMs }: Selection): void {
  const flags = [`--timeout=${testTimeoutMs}`, '--only-failures', '--reporter=junit'];
  const bun = `${quote(process.execPath)} test ${flags.join(' ')} --reporter-outfile="$out.xml" "./$file"`;
  const environment = {
    PATH: process.env.PATH ?? '',
    HOME: '/tmp',
    TRESTLE_TEST_PATIENCE: String(PATIENCE),
    TRESTLE_TEST_ARTIFACTS: artifacts,
  };
  const script = [
    `cd ${quote(ROOT)}`,
    ...Object.entries(environment).map(([name, value]) => `export ${name}=${quote(value)}`),
    'while read -r number file; do',
    '  out=/run/vm/exchange/$number',
    '  mkdir "$out" 2>/dev/null || continue',
    `  ${bun} >"$out.log" 2>&1 </dev/null`,
    '  echo $? >"$out.status"',
    'done </run/vm/exchange/files',
  ];
  writeFileSync(join(exchange, 'project'), ROOT);
  writeFileSync(join(exchange, 'files'), files.map((file, number) => `${number} ${file}\n`).join(''));
  writeFileSync(join(exchange, 'run'), `${script.join('\n')}\n`);
}

/** One report of many. A file that did not end has failed, and so has a machine that did not end by itself. */
export function gather(exchange: string, files: readonly string[], machines: readonly ToolRun[]): Report {
  const ms = Math.max(...machines.map((machine) => machine.ms));
  const consoles = machines.map(({ output }) => output).join('\n');
  const endings = machines.filter(({ status }) => status !== 0).map(({ ending }) => `a machine: ${ending}`);
  if (!files.some((_, number) => existsSync(join(exchange, `${number}.status`)))) {
    return { ...failure(KERNEL61, ['no test has run', ...endings].join('; ')), ms, output: consoles };
  }
  const reports = files.map((file, number) => reportOf(join(exchange, String(number)), file));
  const outputs = reports.filter((report) => report.failed.length > 0).map(({ output }) => output);
  return {
    name: KERNEL61,
    ms,
    passed: reports.flatMap((report) => report.passed),
    failed: [...reports.flatMap((report) => report.failed), ...endings],
    skipped: reports.flatMap((report) => report.skipped),
    output: [...outputs, consoles].join('\n'),
  };
}

function reportOf(base: string, file: string): Report {
  const status = existsSync(`${base}.status`) ? Number(readFileSync(`${base}.status`, 'utf8')) : null;
  const ending = `${file}: ${status === null ? 'it did not end' : `exit status ${status}`}`;
  const tool = { command: `bun test ${file}`, status, ending, output: readIfThere(`${base}.log`), ms: 0 };
  return count({ name: KERNEL61 }, [file], tool, parseJunit(readIfThere(`${base}.xml`)));
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
