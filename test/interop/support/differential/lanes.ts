/** Cases that run a few at a time, while each test waits for its own. */

/** Cases at the same time. */
const TOGETHER = 4;

/** Starts all of them. @returns what comes of each */
export function inLanes<Case, Outcome>(
  cases: readonly Case[],
  act: (subject: Case) => Promise<Outcome>,
): Map<Case, Promise<Outcome>> {
  const outcomes = new Map<Case, Promise<Outcome>>();
  const lanes: Promise<unknown>[] = Array.from({ length: TOGETHER }, () => Promise.resolve());
  for (const [at, subject] of cases.entries()) {
    const lane = at % TOGETHER;
    const outcome = (lanes[lane] as Promise<unknown>).then(() => act(subject));
    outcomes.set(subject, outcome);
    lanes[lane] = outcome.catch(() => {});
  }
  return outcomes;
}
