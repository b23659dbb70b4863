/** The step arm64: end-to-end tests of dist/trestle-arm64, on whole arm64 kernels of Debian's, in emulated machines. */

import { join } from 'node:path';
import { foreignApt } from '../emulated/apt.ts';
import { ensureImage, type Image } from '../emulated/image.ts';
import { runJob } from '../emulated/job.ts';
import type { KernelPackage } from '../emulated/kernel.ts';
import { HARDWARE } from '../emulated/machine.ts';
import { failure, type Report } from '../report.ts';
import { filesOf } from '../suite.ts';
import { ROOT } from '../tool.ts';
import { ARM64 } from './name.ts';
import { ensureRoot, PLACES } from './root.ts';

interface Kernel {
  /** Of its report. */
  readonly name: string;
  readonly package: KernelPackage;
  /** The size of a page, which an executable for arm64 must not depend on. Debian has none with pages of 64 KiB. */
  readonly pagesKib: number;
  /** Whether a file, by its name without folder and ending, runs on it. */
  readonly runs: (name: string) => boolean;
}

export interface Selection {
  readonly kernel: Kernel;
  readonly files: readonly string[];
  readonly deadlineMs: number;
}

/** They try hundreds of inputs or kill hundreds of processes, and none of it depends on the processor. */
const LEFT_OUT = ['bad-input', 'bad-names', 'each-key', 'interrupted', 'keys', 'requests'];
/** What depends on the size of a page, if anything does. */
const POD = ['add', 'check', 'del', 'masquerade', 'traffic'];

const KERNELS: readonly Kernel[] = [
  {
    name: ARM64,
    package: { name: 'linux-image-arm64', version: '6.1.' },
    pagesKib: 4,
    runs: (name) => !LEFT_OUT.includes(name),
  },
  {
    name: `${ARM64}-16k`,
    package: { name: 'linux-image-6.12-arm64-16k', version: '6.12.' },
    pagesKib: 16,
    runs: (name) => POD.includes(name),
  },
];

const CACHE = join(ROOT, '.cache/arm64');

/**
 * The kernels that have files to run.
 * @param words of the end-to-end tests, the files with one of them in their path
 * @param whole those too that are left out, on every kernel, however long it takes
 */
export function select(words: readonly string[], whole: boolean): Selection[] {
  const all = filesOf({ name: 'e2e' }, words);
  const nameOf = (file: string) => /^test\/e2e\/(.*)\.test\.ts$/.exec(file)?.[1] as string;
  return KERNELS.map((kernel) => ({
    kernel,
    files: all.filter((file) => whole || kernel.runs(nameOf(file))),
    deadlineMs: (whole ? 6 : 1) * 60 * 60_000,
  })).filter(({ files }) => files.length > 0);
}

/** The report of one kernel. */
export async function runArm64({ kernel, files, deadlineMs }: Selection): Promise<Report> {
  const { name, pagesKib } = kernel;
  let root: string;
  let image: Image;
  try {
    const apt = foreignApt('arm64', join(CACHE, 'apt'));
    root = ensureRoot(apt, CACHE, console.log);
    const busybox = join(root, 'bin/busybox');
    image = ensureImage({ package: kernel.package, apt, busybox, directory: join(CACHE, name) }, console.log);
  } catch (error) {
    return failure(name, `all of it: ${(error as Error).message}`);
  }
  const extent = `${files.length} of ${filesOf({ name: 'e2e' }).length} files of e2e`;
  console.log(`${name}: ${extent} on Linux ${image.release}, emulated; npm test -- arm64 --whole runs all`);
  const environment = {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    TRESTLE_TEST_EXECUTABLES: PLACES.executables,
    // Bun's last stage of compilation once aborted here ("Unexpected code block in DFG->FTL tier-up").
    BUN_JSC_useFTLJIT: '0',
    ESBUILD_BINARY_PATH: join(PLACES.programs, 'esbuild'),
  };
  const job = {
    name,
    files,
    bun: join(PLACES.programs, 'bun'),
    environment,
    deadlineMs,
    testTimeoutMs: 300_000,
  };
  const report = await runJob(job, { hardware: HARDWARE.arm64, image, root });
  const said = report.notes?.some((note) => note.endsWith(`, aarch64, pages of ${pagesKib} KiB`));
  return said ? report : { ...report, failed: [...report.failed, `no kernel of ${pagesKib} KiB pages has run`] };
}
