/** Time, for code that must not await. */

/** Milliseconds of a clock that never jumps, from an arbitrary start. */
export function monotonicMs(): number {
  return performance.now();
}

/** Blocks the thread. */
export function sleepMs(duration: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, duration);
}
