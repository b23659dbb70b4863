/**
 * ADD, DEL, CHECK and GC, killed at each of their system calls in turn. A kill comes before the call is done, so each
 * instant between two calls is met once.
 */

import { expect, test } from 'bun:test';
import { succeeded } from '../support/cni.ts';
import { describeOnKernel } from '../support/privilege.ts';
import { mayChange } from './support/calls.ts';
import { isFull, SWEEP_TIMEOUT_MS } from './support/form.ts';
import {
  createPlace,
  left,
  NOTHING,
  type Place,
  prepare,
  standing,
  VERBS,
  type Verb,
  welcome,
} from './support/place.ts';
import { callsOf, type Strike, struck, sweep } from './support/sweep.ts';

/** What the runtime does next: DEL; or another container's ADD and then DEL; or GC, which knows of no container. */
const RESCUES = ['DEL', 'another ADD, DEL', 'GC'] as const;
type Rescue = (typeof RESCUES)[number];
type Kill = Strike & { readonly rescue: Rescue };

/**
 * In the full form each call, those of our own with each rescue; else the calls that change something, and the rescues by
 * turns.
 */
function killsOf(verb: Verb): Kill[] {
  const calls = callsOf(verb).filter((call) => isFull || mayChange(call));
  const rescues = (isOwn: boolean, at: number) =>
    isFull && isOwn ? RESCUES : [RESCUES[at % RESCUES.length] as Rescue];
  return calls.flatMap((call, at) =>
    rescues(call.isOwn, at).map((rescue) => ({ call, how: 'signal=SIGKILL', rescue })),
  );
}

/** @returns whether it was killed. @throws Error where something is lost or left */
function killAndRescue(place: Place, verb: Verb, kill: Kill, expected: unknown): boolean {
  prepare(place, verb);
  const before = left(place);
  const { isReached } = struck(place, verb, kill);
  if (verb.name === 'CHECK') expect(left(place)).toEqual(before);
  rescue(place, verb, kill.rescue);
  expect(left(place)).toEqual(NOTHING);
  if (kill.rescue !== 'another ADD, DEL') {
    welcome(place);
    succeeded(place.pods.del(place.newcomer));
    expect(left(place)).toEqual(NOTHING);
  }
  expect(standing(place.node)).toEqual(expected);
  return isReached;
}

function rescue(place: Place, verb: Verb, how: Rescue): void {
  const { pods, victim, neighbour, newcomer } = place;
  if (how === 'GC') {
    succeeded(pods.gc([]));
    return;
  }
  if (how === 'another ADD, DEL') welcome(place);
  succeeded(pods.del(victim));
  if (verb.before.includes('neighbour')) {
    succeeded(pods.check(neighbour));
    succeeded(pods.del(neighbour));
  }
  if (how === 'another ADD, DEL') succeeded(pods.del(newcomer));
}

describeOnKernel('killed at each of its system calls', () => {
  for (const verb of VERBS) {
    test(
      verb.name,
      () => {
        const expected = undisturbed();
        const kills = killsOf(verb);
        expect(kills.length).toBeGreaterThan(10);
        const judge = (place: Place, kill: Kill) => killAndRescue(place, verb, kill, expected);
        expect(sweep(`${verb.name} killed`, verb, kills, judge)).toEqual([]);
      },
      SWEEP_TIMEOUT_MS,
    );
  }
});

/** What an ADD that nobody disturbs leaves standing. */
function undisturbed(): unknown {
  using place = createPlace();
  welcome(place);
  succeeded(place.pods.del(place.newcomer));
  return standing(place.node);
}
