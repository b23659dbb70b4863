/** Going through all points at which a call can be struck. One that does not survive is noted, and the sweep goes on. */

import { reasonOf } from '../../../src/fault.ts';
import { traced } from '../../e2e/support/strace.ts';
import type { Outcome } from '../../support/cni.ts';
import { callText, parseTrace, type SystemCall } from './calls.ts';
import { tell } from './form.ts';
import { createPlace, EXECUTABLE, type Place, prepare, type Verb } from './place.ts';

const MAIN_THREAD_ONLY = 'first';

/** The system calls of an undisturbed call. */
export function callsOf(verb: Verb): SystemCall[] {
  using place = createPlace();
  prepare(place, verb);
  const { artifact, lines } = traced(place.node, EXECUTABLE, '-s 64', MAIN_THREAD_ONLY);
  verb.call(place, artifact);
  return parseTrace(lines());
}

export interface Strike {
  readonly call: SystemCall;
  /** strace's word for it: `signal=SIGKILL`, `error=EIO`. */
  readonly how: string;
}

export interface Struck {
  readonly outcome: Outcome;
  /** Whether the call was made at all; how often the engine makes its own varies. */
  readonly isReached: boolean;
}

/** Makes the verb's call, struck as told. */
export function struck(place: Place, verb: Verb, { call, how }: Strike): Struck {
  const options = `-e trace=${call.name} -e inject=${call.name}:${how}:when=${call.nth}`;
  const { artifact, lines } = traced(place.node, EXECUTABLE, options, MAIN_THREAD_ONLY);
  const outcome = verb.call(place, artifact);
  const isReached = lines().some((line) => line.includes('INJECTED') || line.includes('killed by SIGKILL'));
  return { outcome, isReached };
}

/**
 * Strikes once for each. `judge` throws where the strike was not survived. A place on which all is in order again is used
 * once more, unless the verb wants a fresh one.
 * @returns a line for each strike that was not survived
 */
export function sweep<S extends Strike>(
  name: string,
  verb: Verb,
  strikes: readonly S[],
  judge: (place: Place, strike: S, at: number) => boolean,
): string[] {
  const failures: string[] = [];
  let reached = 0;
  let place: Place | undefined;
  for (const [at, strike] of strikes.entries()) {
    place ??= createPlace();
    try {
      if (judge(place, strike, at)) reached++;
      if (!verb.onFreshNode) continue;
    } catch (error) {
      failures.push(`${name}, ${strike.how} at ${callText(strike.call)}: ${reasonOf(error).slice(0, 1500)}`);
    }
    place[Symbol.dispose]();
    place = undefined;
  }
  place?.[Symbol.dispose]();
  tell(`${name}: ${strikes.length} strikes, ${reached} of them reached and survived, ${failures.length} not survived`);
  return failures;
}
