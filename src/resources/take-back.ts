/** Taking back what a failed `ensure` had made already. */

import { reasonOf } from '../fault.ts';
import type { Node } from './node.ts';

/**
 * Runs `inverse`; an error of its own is logged and noted in `node.leftovers`, for the first error is what matters, and the
 * lease of an attachment stays where something of it is left. `what` completes the sentence "cannot …".
 */
export function takeBack({ log, leftovers }: Node, what: string, inverse: () => unknown): void {
  try {
    inverse();
  } catch (error) {
    const leftover = `cannot ${what} after a failure: ${reasonOf(error)}`;
    leftovers.push(leftover);
    log('error', leftover);
  }
}
