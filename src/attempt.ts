/** Helpers for errors that are expected. The errors that the kernel gives have a numeric `errno`, positive as in errno.h. */

import { Fault, reasonOf } from './fault.ts';
import type { Log } from './log.ts';

/** Runs `act`. @returns undefined where it fails with one of the errnos. @throws every other error */
export function ignoring<T>(errnos: readonly number[], act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (hasErrno(error, errnos)) return undefined;
    throw error;
  }
}

/** Runs `act` again as long as it fails with one of the errnos, at most `times` times. @throws its last error */
export function retrying<T>(errnos: readonly number[], times: number, act: () => T): T {
  for (let left = times; ; ) {
    try {
      return act();
    } catch (error) {
      left -= 1;
      if (left <= 0 || !hasErrno(error, errnos)) throw error;
    }
  }
}

/** Runs each of the actions, also after one that fails: for teardown. @returns what they threw, in their order */
export function collecting(...acts: readonly (() => unknown)[]): unknown[] {
  const errors: unknown[] = [];
  for (const act of acts) {
    try {
      act();
    } catch (error) {
      errors.push(error);
    }
  }
  return errors;
}

/** Runs `act`, and logs a warning with what it throws. @returns whether it succeeded */
export function tolerating(log: Log, act: () => unknown): boolean {
  const errors = collecting(act);
  for (const error of errors) log('warn', reasonOf(error));
  return errors.length === 0;
}

/** The error as a Fault; any other error is a defect of ours, since only Faults are expected. */
export function asFault(error: unknown): Fault {
  return error instanceof Fault ? error : new Fault('internal', reasonOf(error), { cause: error });
}

/** Whether an error is the kernel's, with one of the errnos. */
export function hasErrno(error: unknown, errnos: readonly number[]): boolean {
  return error instanceof Error && 'errno' in error && errnos.includes(error.errno as number);
}
