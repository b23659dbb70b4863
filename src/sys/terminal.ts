/** Whether a person reads what is written. */

import { libc } from './libc.ts';

/** Whether the open file is a terminal. */
export function isTerminal(fd: number): boolean {
  try {
    return libc('isatty', fd) === 1;
  } catch {
    return false;
  }
}
