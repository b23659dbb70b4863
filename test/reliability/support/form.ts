/** The two forms of these tests: short with `npm test`, full with `npm run test:reliability`. */

/** Every system call and every error, in place of a sample. */
export const isFull = process.env.TRESTLE_RELIABILITY === 'full';

/** The time limit of a test that sweeps; the full form has as long as it takes. */
export const SWEEP_TIMEOUT_MS = isFull ? 4 * 3_600_000 : 300_000;

/** Says what a sweep has seen. The runner shows the lines that begin so, also where nothing failed. */
export function tell(line: string): void {
  console.log(`» ${line}`);
}
