/** The step kernel61: tests of the suites `kernel` and `e2e` on Debian's stock kernel, in a virtual machine. */

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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
  /** What the end-to-end tests run on; those that need this kernel run on both artifacts always. */
  readonly artifacts: 'all' | 'dist/trestle';
  readonly deadlineMs: number;
  /** Said at the start. */
  readonly extent: string;
}

/** Emulation is some 10 to 20 times slower: what a test waits for at most is multiplied. */
const PATIENCE = 6;
const TEST_TIMEOUT_MS = 120_000;
/** Struck at each system call in turn under strace: hundreds of processes about files, and no word about the network. */
const LONG = 'test/kernel/ipam/kill.test.ts';
/** What a run of everything has time for. What needs this kernel must be among it. */
const BRIEF_E2E = ['add', 'traffic', 'vlan'];

/** @param whole all that there is, however long it takes; else what fits into a test run with everything else */
export function select(words: readonly string[], whole: boolean): Selection {
  const all = [...filesOf({ name: 'kernel' }, words), ...filesOf({ name: 'e2e' }, words)];
  if (whole)
    return { files: all, artifacts: 'all', deadlineMs: 60 * 60_000, extent: 'kernel and e2e on both artifacts' };
  return {
    files: all.filter(isBrief),
    artifacts: 'dist/trestle',
    deadlineMs: 8 * 60_000,
    extent:
      `kernel without ${LONG}, of e2e ${BRIEF_E2E.join(', ')} on dist/trestle; ` +
      'npm run test:kernel61 runs all of it',
  };
}

function isBrief(file: string): boolean {
  const e2e = /^test\/e2e\/(.*)\.test\.ts$/.exec(file);
  return e2e === null ? file !== LONG : BRIEF_E2E.includes(e2e[1] as string);
}

export async function runKernel61(selection: Selection): Promise<Report> {
  if (process.arch !== 'x64') return skip(KERNEL61, `all of it: it needs x86-64, and this is ${process.arch}`);
  const image = imageOr((reason) => skip(KERNEL61, `all of it: ${reason}`));
  if ('name' in image) return image;
  console.log(`${KERNEL61}: ${selection.files.length} files on Linux ${image.release}, emulated: ${selection.extent}`);
  const exchange = scratchDirectory();
  try {
    writeJob(exchange, selection);
    const machine = await runMachine(image, exchange, selection.deadlineMs);
    return gather(exchange, selection.files, machine);
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

/** The guest's scripts: two files at a time, each with a report, an output and a status under its number in `files`. */
function writeJob(exchange: string, { files, artifacts }: Selection): void {
  const flags = [`--timeout=${TEST_TIMEOUT_MS}`, '--only-failures', '--reporter=junit'];
  const bun = `${quote(process.execPath)} test ${flags.join(' ')} --reporter-outfile="$out.xml" "./$2"`;
  const one = `out=/run/vm/exchange/$1\n${bun} >"$out.log" 2>&1\necho $? >"$out.status"\n`;
  const environment = {
    PATH: process.env.PATH ?? '',
    HOME: '/tmp',
    TRESTLE_TEST_PATIENCE: String(PATIENCE),
    TRESTLE_TEST_ARTIFACTS: artifacts,
  };
  const exports = Object.entries(environment).map(([name, value]) => `export ${name}=${quote(value)}`);
  const run = [`cd ${quote(ROOT)}`, ...exports, 'xargs -P 2 -n 2 /bin/sh /run/vm/exchange/one </run/vm/exchange/files'];
  writeFileSync(join(exchange, 'project'), ROOT);
  writeFileSync(join(exchange, 'files'), files.map((file, number) => `${number} ${file}\n`).join(''));
  writeFileSync(join(exchange, 'one'), one);
  writeFileSync(join(exchange, 'run'), `${run.join('\n')}\n`);
}

/** One report of many. A file that did not end has failed, and so has a machine that did not end by itself. */
export function gather(exchange: string, files: readonly string[], machine: ToolRun): Report {
  if (!files.some((_, number) => existsSync(join(exchange, `${number}.status`)))) {
    return {
      ...failure(KERNEL61, `the machine ran no test: ${machine.ending}`),
      ms: machine.ms,
      output: machine.output,
    };
  }
  const reports = files.map((file, number) => reportOf(join(exchange, String(number)), file));
  const ended = machine.status === 0 ? [] : [`the machine: ${machine.ending}`];
  return {
    name: KERNEL61,
    ms: machine.ms,
    passed: reports.flatMap((report) => report.passed),
    failed: [...reports.flatMap((report) => report.failed), ...ended],
    skipped: reports.flatMap((report) => report.skipped),
    output: [...reports.filter((report) => report.failed.length > 0), machine].map(({ output }) => output).join('\n'),
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
