/** Running a tool with its output kept, and stopping all of it on a signal. */

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

export interface ToolRun {
  readonly command: string;
  readonly status: number | null;
  /** `exit status 1`, `stopped after 600 s`, … */
  readonly ending: string;
  readonly output: string;
  readonly ms: number;
}

export const ROOT = join(import.meta.dir, '../..');

/** The whole run has to end within 15 minutes; no step comes near this unless it hangs. */
const DEADLINE_MS = 10 * 60_000;

const running = new Set<ChildProcess>();

/** Runs to the end and keeps stdout and stderr, in the order they came. */
export function runTool(
  argv: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
  deadlineMs: number = DEADLINE_MS,
): Promise<ToolRun> {
  const started = performance.now();
  const [file = '', ...args] = argv;
  const child = spawn(file, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => chunks.push(chunk));
  running.add(child);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    stop(child);
  }, deadlineMs);
  return new Promise((resolve) => {
    const finish = (status: number | null, ending: string) => {
      clearTimeout(timer);
      running.delete(child);
      const output = Buffer.concat(chunks).toString();
      const command = argv.slice(0, 3).join(' ');
      resolve({ command, status, ending, output, ms: performance.now() - started });
    };
    child.on('error', (error) => finish(null, error.message));
    child.on('close', (status, signal) =>
      finish(
        status,
        late ? `stopped after ${deadlineMs / 1000} s` : signal ? `ended by ${signal}` : `exit status ${status}`,
      ),
    );
  });
}

/** Takes the running tools along when this process is told to end. What their tests made, reaper.sh removes. */
export function endOnSignals(): void {
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.on(signal, () => {
      for (const child of running) stop(child);
      process.exit(status);
    });
  }
}

/** A tool runs in a process group of its own, so that its workers go with it. */
function stop(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}
