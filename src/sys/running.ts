/** Whether a process is there. */

import { runtime } from '#runtime';
import { ESRCH } from './errno.ts';
import { libc, SystemError } from './libc.ts';

/** kill(2) by its number (asm/unistd.h). */
const SYS_KILL: Readonly<Record<string, number>> = { x64: 62, arm64: 129 };

/** By asking to signal it with nothing: /proc may hide it, this cannot. Whatever is not "no such process" says that it is there. */
export function isRunning(pid: number): boolean {
  const number = SYS_KILL[runtime.arch];
  if (number === undefined) return true;
  try {
    libc('syscall', number, pid, 0, null, null, 0);
    return true;
  } catch (error) {
    return !(error instanceof SystemError) || error.errno !== ESRCH;
  }
}
