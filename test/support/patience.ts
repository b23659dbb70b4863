/** How long a test waits at most, on a machine that is emulated and slow too. */

const FACTOR = Number(process.env.TRESTLE_TEST_PATIENCE ?? 1);

export function patient(ms: number): number {
  return ms * FACTOR;
}
