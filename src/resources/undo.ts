/** The inverses of what a setup has changed so far; on an error they run backwards. */

import { reasonOf } from '../fault.ts';
import type { Log } from '../log.ts';

export interface Undo {
  /** Notes how to take back what has just been done. `what` completes the sentence "cannot …". */
  push(what: string, inverse: () => void): void;
  /** Takes everything back, the last first. An inverse that fails is logged and does not hold up the others. */
  unwind(): void;
}

export function createUndo(log: Log): Undo {
  const stack: { what: string; inverse: () => void }[] = [];
  return {
    push: (what, inverse) => {
      stack.push({ what, inverse });
    },
    unwind: () => {
      for (let step = stack.pop(); step !== undefined; step = stack.pop()) attempt(step.what, step.inverse, log);
    },
  };
}

function attempt(what: string, inverse: () => void, log: Log): void {
  try {
    inverse();
  } catch (error) {
    log('error', `cannot ${what} after a failure: ${reasonOf(error)}`);
  }
}
