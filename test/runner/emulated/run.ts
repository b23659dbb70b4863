import { spawnSync } from 'node:child_process';

/** Runs a program of this machine in a directory. @returns its stdout. @throws Error with what it said when it fails */
export function runHere(directory: string, argv: readonly string[]): string {
  const [file = '', ...args] = argv;
  const done = spawnSync(file, args, { cwd: directory, encoding: 'utf8', maxBuffer: 1 << 26 });
  if (done.status === 0) return done.stdout;
  const reason = done.error?.message ?? (done.stderr.trim() || `exit status ${done.status}`);
  throw new Error(`${argv.join(' ')}: ${reason}`);
}
