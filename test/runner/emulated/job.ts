/** Test files that are run in emulated machines, and what came of them. */

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratchDirectory } from '../../support/scratch.ts';
import { parseJunit } from '../junit.ts';
import { failure, type Report } from '../report.ts';
import { count, readIfThere } from '../suite.ts';
import { ROOT, type ToolRun } from '../tool.ts';
import { type Machine, runMachine } from './machine.ts';

export interface Job {
  /** The step, in its report. */
  readonly name: string;
  /** Relative to the project. */
  readonly files: readonly string[];
  /** Bun for the machine's processor, by its path there. */
  readonly bun: string;
  /** Of the tests, beside what all of them get. */
  readonly environment: Readonly<Record<string, string>>;
  readonly deadlineMs: number;
  /** For one test. */
  readonly testTimeoutMs: number;
}

/** They end together, with a file at a time each. */
const MACHINES = 2;
/** Emulation is some 10 to 20 times slower: what a test waits for at most is multiplied. */
const PATIENCE = 6;

/** Runs the files in machines of that kind. */
export async function runJob(job: Job, machine: Machine): Promise<Report> {
  const exchange = scratchDirectory();
  try {
    writeJob(exchange, job);
    const run = () => runMachine(machine, exchange, job.deadlineMs);
    return gather(job.name, exchange, job.files, await Promise.all(Array.from({ length: MACHINES }, run)));
  } finally {
    rmSync(exchange, { recursive: true, force: true });
  }
}

/**
 * The guests' scripts. Each machine takes one file after another that none has taken yet, by making a directory; report,
 * output and status come under the file's number.
 */
function writeJob(exchange: string, { files, bun, environment, testTimeoutMs }: Job): void {
  const flags = [`--timeout=${testTimeoutMs}`, '--only-failures', '--reporter=junit'];
  const test = `${quote(bun)} test ${flags.join(' ')} --reporter-outfile="$out.xml" "./$file"`;
  const variables = {
    PATH: process.env.PATH ?? '',
    HOME: '/tmp',
    TRESTLE_TEST_PATIENCE: String(PATIENCE),
    ...environment,
  };
  const script = [
    `cd ${quote(ROOT)}`,
    ...Object.entries(variables).map(([name, value]) => `export ${name}=${quote(value)}`),
    'while read -r number file; do',
    '  out=/run/vm/exchange/$number',
    '  mkdir "$out" 2>/dev/null || continue',
    `  ${test} >"$out.log" 2>&1 </dev/null`,
    '  echo $? >"$out.status"',
    'done </run/vm/exchange/files',
  ];
  writeFileSync(join(exchange, 'project'), ROOT);
  writeFileSync(join(exchange, 'files'), files.map((file, number) => `${number} ${file}\n`).join(''));
  writeFileSync(join(exchange, 'run'), `${script.join('\n')}\n`);
}

/** One report of many. A file that did not end has failed, and so has a machine that did not end by itself. */
export function gather(name: string, exchange: string, files: readonly string[], machines: readonly ToolRun[]): Report {
  const ms = Math.max(...machines.map((machine) => machine.ms));
  const consoles = machines.map(({ output }) => output).join('\n');
  const endings = machines.filter(({ status }) => status !== 0).map(({ ending }) => `a machine: ${ending}`);
  if (!files.some((_, number) => existsSync(join(exchange, `${number}.status`)))) {
    return { ...failure(name, ['no test has run', ...endings].join('; ')), ms, output: consoles };
  }
  const reports = files.map((file, number) => reportOf(name, join(exchange, String(number)), file));
  const outputs = reports.filter((report) => report.failed.length > 0).map(({ output }) => output);
  return {
    name,
    ms,
    passed: reports.flatMap((report) => report.passed),
    failed: [...reports.flatMap((report) => report.failed), ...endings],
    skipped: reports.flatMap((report) => report.skipped),
    notes: [...new Set(consoles.split(/\r?\n/).filter((line) => line.startsWith('» ')))],
    output: [...outputs, consoles].join('\n'),
  };
}

function reportOf(name: string, base: string, file: string): Report {
  const status = existsSync(`${base}.status`) ? Number(readFileSync(`${base}.status`, 'utf8')) : null;
  const ending = `${file}: ${status === null ? 'it did not end' : `exit status ${status}`}`;
  const tool = { command: `bun test ${file}`, status, ending, output: readIfThere(`${base}.log`), ms: 0 };
  return count({ name }, [file], tool, parseJunit(readIfThere(`${base}.xml`)));
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
