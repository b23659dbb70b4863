/** Running another program and waiting for it, with nothing inherited that was not asked for. */

import { patient } from './patience.ts';

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly stdin?: string | Uint8Array;
  /** The whole environment. Default: only PATH. */
  readonly env?: Record<string, string>;
  /** For what is expected to take its time. */
  readonly deadlineMs?: number;
}

/** No tool of a test takes this long; the event loop stands still meanwhile, so the test's own timeout cannot help. */
export const DEADLINE_MS = patient(30_000);

export const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

/** Runs a program to its end, whatever that is. The program is looked up in the system's directories. */
export function tryRun(argv: readonly string[], options: RunOptions = {}): Finished {
  const done = Bun.spawnSync([tool(argv[0] ?? ''), ...argv.slice(1)], {
    stdin: options.stdin === undefined ? 'ignore' : Buffer.from(options.stdin as string),
    stdout: 'pipe',
    stderr: 'pipe',
    env: options.env ?? { PATH: SYSTEM_PATH },
    timeout: options.deadlineMs ?? DEADLINE_MS,
    killSignal: 'SIGKILL',
  });
  return { status: done.exitCode, stdout: done.stdout.toString(), stderr: done.stderr.toString() };
}

/** Runs a program and returns its stdout. @throws Error with the command line and stderr when it fails. */
export function run(argv: readonly string[], options: RunOptions = {}): string {
  const done = tryRun(argv, options);
  if (done.status === 0) return done.stdout;
  const said = (done.stderr.trim() || done.stdout.trim()).slice(0, 4000);
  throw new Error(`${argv.join(' ')}: exit status ${done.status}: ${said}`);
}

/** The path of a program of the system. @throws Error that says how to get it. */
export function tool(name: string): string {
  const path = name.startsWith('/') ? name : Bun.which(name, { PATH: SYSTEM_PATH });
  if (path === null) throw new Error(`${name} is not installed; npm test installs what the tests need`);
  return path;
}

/** Why a program of the system cannot be used, or undefined where it is there. */
export function whyNoProgram(name: string): string | undefined {
  return Bun.which(name, { PATH: SYSTEM_PATH }) === null ? `${name} is not installed` : undefined;
}
