/** The step kernel61: tests of the suites `kernel` and `e2e`, and one of `interop`, on Debian's stock kernel, in a virtual machine. */

import { join } from 'node:path';
import type { GoModuleName } from '../../support/go-programs.ts';
import { ownApt } from '../emulated/apt.ts';
import { ensureImage, type Image } from '../emulated/image.ts';
import { runJob } from '../emulated/job.ts';
import { HARDWARE } from '../emulated/machine.ts';
import { type Report, skip } from '../report.ts';
import { filesOf } from '../suite.ts';
import { ROOT } from '../tool.ts';
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

const WALKS = 'test/kernel/resources/walks/';
/**
 * Not in a run of everything: tests of the tests' own tools, one about files that strikes hundreds of processes under strace, at
 * each system call in turn, and the tables of resources that are the same on every kernel.
 */
const LEFT_OUT = [
  'test/kernel/harness/',
  'test/kernel/ipam/kill.test.ts',
  ...['bridge', 'forward', 'guard', 'masquerade', 'port', 'reconcile'].map((kind) => `${WALKS}${kind}`),
];
/** Tests with peers that need this kernel, and nothing else than Go programs that were built outside. */
const OF_INTEROP = ['test/interop/differential-vlan.test.ts'];
export const PEERS: readonly GoModuleName[] = ['plugins'];
/** What a run of everything has time for of the end-to-end tests. What needs this kernel must be among it. */
const BRIEF_E2E = ['add', 'engine/overcommit', 'vlan'];

/** @param whole all that there is, however long it takes; else what fits into a test run with everything else */
export function select(words: readonly string[], whole: boolean): Selection {
  // What takes longest comes first, so that the machines end together.
  const needing = filesOf({ name: 'interop' }, words).filter((file) => OF_INTEROP.includes(file));
  const kernel = filesOf({ name: 'kernel' }, words);
  const walks = kernel.filter((file) => file.startsWith(WALKS));
  const all = [...needing, ...filesOf({ name: 'e2e' }, words), ...new Set([...walks, ...kernel])];
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
    deadlineMs: 10 * 60_000,
    testTimeoutMs: 120_000,
    extent:
      `kernel without ${LEFT_OUT.join(', ')}, of e2e ${BRIEF_E2E.join(' and ')} on dist/trestle, ${OF_INTEROP}; ` +
      'npm run test:kernel61 runs all of it',
  };
}

function isBrief(file: string): boolean {
  const e2e = /^test\/e2e\/(.*)\.test\.ts$/.exec(file);
  return e2e === null ? !LEFT_OUT.some((path) => file.startsWith(path)) : BRIEF_E2E.includes(e2e[1] as string);
}

export async function runKernel61(selection: Selection): Promise<Report> {
  if (process.arch !== 'x64') return skip(KERNEL61, `all of it: it needs x86-64, and this is ${process.arch}`);
  let image: Image;
  try {
    image = ensureImage(
      {
        package: { name: 'linux-image-amd64', version: '6.1.' },
        apt: ownApt(),
        busybox: '/bin/busybox',
        directory: join(ROOT, '.cache/kernel61'),
      },
      console.log,
    );
  } catch (error) {
    return skip(KERNEL61, `all of it: ${(error as Error).message}`);
  }
  const { files, artifacts, extent } = selection;
  console.log(`${KERNEL61}: ${files.length} files on Linux ${image.release}, emulated: ${extent}`);
  const environment = { TRESTLE_TEST_ARTIFACTS: artifacts };
  const job = { ...selection, name: KERNEL61, bun: process.execPath, environment };
  return runJob(job, { hardware: HARDWARE.x64, image, root: '/' });
}
