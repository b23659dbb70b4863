/**
 * ADD, DEL, CHECK and GC, refused at each of their system calls in turn, with each error that fits the call. strace makes
 * the call fail without its being done; that holds for close(2) too, which on Linux closes the file whatever it says.
 */

import { expect, test } from 'bun:test';
import { oneErrorObject } from '../e2e/support/refusal.ts';
import { type Outcome, succeeded } from '../support/cni.ts';
import { describeOnKernel } from '../support/privilege.ts';
import { mayChange, type SystemCall } from './support/calls.ts';
import { engineErrorsOf, errorsOf } from './support/errors.ts';
import { isFull, SWEEP_TIMEOUT_MS, tell } from './support/form.ts';
import { left, NOTHING, type Place, prepare, VERBS, type Verb, welcome } from './support/place.ts';
import { callsOf, type Strike, struck, sweep } from './support/sweep.ts';

/** The longest that anything in a call waits for (the lock, an answer of the kernel), and some for strace. */
const HANG_MS = 15_000;

/** In the full form each call and error; else those that may change something, and the errors by turns. */
function failuresOf(verb: Verb): Strike[] {
  const calls = callsOf(verb).filter((call) => isFull || mayChange(call));
  return calls.flatMap((call, at) => strikesAt(call, errorsOf(call), at));
}

function strikesAt(call: SystemCall, errors: readonly string[], at: number): Strike[] {
  const chosen = isFull ? errors : errors.slice(at % errors.length).slice(0, 1);
  return chosen.map((error) => ({ call, how: `error=${error}` }));
}

/** @returns whether the call was reached. @throws Error where the answer is none, or something is lost or left */
function failAndGoOn(place: Place, verb: Verb, strike: Strike): boolean {
  prepare(place, verb);
  const before = left(place);
  const { outcome, isReached } = struck(place, verb, strike);
  verifyAnswer(verb, outcome);
  if (verb.name === 'CHECK' || (verb.name === 'ADD' && outcome.status !== 0)) expect(left(place)).toEqual(before);
  if (verb.name === 'ADD' && outcome.status === 0) succeeded(place.pods.check(place.victim));
  const { pods, victim, neighbour, newcomer } = place;
  welcome(place);
  if (verb.before.includes('neighbour')) succeeded(pods.check(neighbour));
  const isDetached = outcome.status === 0 && ['DEL', 'GC'].includes(verb.name);
  if (!isDetached) succeeded(pods.del(victim));
  if (verb.before.includes('neighbour')) succeeded(pods.del(neighbour));
  succeeded(pods.del(newcomer));
  expect(left(place)).toEqual(NOTHING);
  return isReached;
}

/** A result or an error object, never both, never neither, and in time. */
function verifyAnswer(verb: Verb, outcome: Outcome): void {
  if (outcome.status === 0) {
    succeeded(outcome);
    if (verb.name === 'ADD') expect(outcome.result?.ips).toHaveLength(2);
    else expect(outcome.stdout).toBe('');
  } else oneErrorObject(outcome);
  expect(outcome.ms).toBeLessThan(HANG_MS);
}

/** What the engine calls: before our program begins, and while it runs. A crash there is as good as a kill. */
function engineFailuresOf(verb: Verb): Strike[] {
  return callsOf(verb).flatMap((call) => engineErrorsOf(call).map((error) => ({ call, how: `error=${error}` })));
}

/** @returns whether the call was reached. @throws Error where it hangs, or something is left after a DEL */
function failEngineAndGoOn(place: Place, verb: Verb, strike: Strike, tally: Map<string, number>): boolean {
  const { outcome, isReached } = struck(place, verb, strike);
  const kind = outcome.status === 0 ? 'a result' : outcome.error === undefined ? 'a crash' : 'an error object';
  tally.set(kind, (tally.get(kind) ?? 0) + 1);
  expect(outcome.ms).toBeLessThan(HANG_MS);
  welcome(place);
  for (const container of [place.victim, place.newcomer]) succeeded(place.pods.del(container));
  expect(left(place)).toEqual(NOTHING);
  return isReached;
}

describeOnKernel('the engine, refused at each of its system calls', () => {
  test(
    'does not hang, and leaves what DEL takes',
    () => {
      const [verb] = VERBS as [Verb];
      const tally = new Map<string, number>();
      const judge = (place: Place, strike: Strike) => failEngineAndGoOn(place, verb, strike, tally);
      const strikes = engineFailuresOf(verb);
      expect(strikes).not.toEqual([]);
      expect(sweep('ADD, engine refused', verb, strikes, judge)).toEqual([]);
      tell(`ADD, engine refused: ${[...tally].map(([kind, count]) => `${count} times ${kind}`).join(', ')}`);
    },
    SWEEP_TIMEOUT_MS,
  );
});

describeOnKernel('refused at each of its system calls', () => {
  for (const verb of VERBS) {
    test(
      verb.name,
      () => {
        const failures = failuresOf(verb);
        expect(failures.length).toBeGreaterThan(10);
        const judge = (place: Place, strike: Strike) => failAndGoOn(place, verb, strike);
        expect(sweep(`${verb.name} refused`, verb, failures, judge)).toEqual([]);
      },
      SWEEP_TIMEOUT_MS,
    );
  }
});
