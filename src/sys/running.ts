/** Whether a process is there. */

import { runtime } from '#runtime';
import { collecting, hasErrno } from '../attempt.ts';
import { ESRCH } from './errno.ts';
import { readText } from './file.ts';
import { libc } from './libc.ts';

/** kill(2) by its number (asm/unistd.h). */
const SYS_KILL: Readonly<Record<string, number>> = { x64: 62, arm64: 129 };

/**
 * By asking to signal it with nothing: /proc may hide it, this cannot. Whatever is not "no such process" says that it is there.
 * `start` is what `startOf` said of it: where that differs, another process has its ID by now.
 */
export function isRunning(pid: number, start?: number): boolean {
  const number = SYS_KILL[runtime.arch];
  if (number === undefined) return true;
  const errors = collecting(() => libc('syscall', number, pid, 0, null, null, 0));
  if (hasErrno(errors[0], [ESRCH])) return false;
  const now = start === undefined ? undefined : startOf(pid);
  return now === undefined || now === start;
}

/** When a process began, in clock ticks since the boot (field 22 in proc_pid_stat(5)); undefined where it cannot be read. */
export function startOf(pid: number): number | undefined {
  let text = '';
  collecting(() => {
    text = readText(`/proc/${pid}/stat`);
  });
  // The second field is the command's name in parentheses, and may hold anything.
  const start = Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[19]);
  return Number.isSafeInteger(start) ? start : undefined;
}
