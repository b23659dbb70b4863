/** Time, for code that must not await. */

import { runtime } from '#runtime';

/** Milliseconds of a clock that never jumps, from an arbitrary start. */
export function monotonicMs(): number {
  return runtime.monotonicMs();
}

/** Blocks the thread. */
export function sleepMs(duration: number): void {
  runtime.sleepMs(duration);
}
