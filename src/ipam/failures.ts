/** Going on past errors, where the rest of the work is worth doing. */

import { Fault, reasonOf } from '../fault.ts';
import type { Host } from './host.ts';

/** Runs `act`. @returns what it threw, if anything; what is no Fault is a defect of ours */
export function failuresOf(act: () => unknown): Fault[] {
  try {
    act();
    return [];
  } catch (error) {
    return [error instanceof Fault ? error : new Fault('internal', reasonOf(error), { cause: error })];
  }
}

/** Runs `act`, and only logs what it throws. @returns whether it succeeded */
export function tolerate(host: Host, act: () => unknown): boolean {
  const failures = failuresOf(act);
  for (const failure of failures) host.log('warn', failure.message);
  return failures.length === 0;
}
