/** flock(2), the lock that the reference host-local takes too. It goes with the file descriptor, so a kill frees it. */

import { EAGAIN, EINTR } from './errno.ts';
import { libc, SystemError } from './libc.ts';

const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;

/** Tries once to lock the open file exclusively. @returns false while another process holds it. @throws SystemError */
export function tryFlock(fd: number): boolean {
  try {
    libc('flock', fd, LOCK_EX | LOCK_NB);
    return true;
  } catch (error) {
    if (error instanceof SystemError && (error.errno === EAGAIN || error.errno === EINTR)) return false;
    throw error;
  }
}

/** Unlocks the open file. @throws SystemError */
export function unlockFlock(fd: number): void {
  libc('flock', fd, LOCK_UN);
}
