/** How long a test waits at most, on a machine that is emulated and slow too. */

const FACTOR = Number(process.env.TRESTLE_TEST_PATIENCE ?? 1);

export function patient(ms: number): number {
  return ms * FACTOR;
}

/** How much it does at once there: what the program itself waits at most, for a lock say, is the same everywhere. */
export function lighter(count: number): number {
  return Math.ceil(count / FACTOR);
}
