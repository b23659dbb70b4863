/** How long a call may take where others do not go on: whoever holds the lock, and a kernel that does not answer. */

import { expect, test } from 'bun:test';
import { mkdirSync } from 'node:fs';
import { network } from '../e2e/support/network.ts';
import { oneErrorObject } from '../e2e/support/refusal.ts';
import { traced } from '../e2e/support/strace.ts';
import { cniAsync, type Outcome, succeeded } from '../support/cni.ts';
import { describeOnKernel } from '../support/privilege.ts';
import { tool } from '../support/process.ts';
import { isFull, SWEEP_TIMEOUT_MS, tell } from './support/form.ts';
import { createPlace, EXECUTABLE, left, NOTHING, prepare, VERBS, type Verb } from './support/place.ts';
import { callsOf } from './support/sweep.ts';

/** What a call says that gets no answer, or, where it waits for the kernel to be done with something, no notification. */
const SILENT = /no answer in time \(EAGAIN\)|after 10 s$/;

/** SO_RCVTIMEO of our sockets, and the lock's deadline. */
const WAIT_S = 10;

describeOnKernel('while somebody holds the lock', () => {
  test(`each command that needs it gives up after ${WAIT_S} s, and says who`, async () => {
    using place = createPlace();
    const { node, pods, victim, newcomer } = place;
    succeeded(pods.add(victim));
    mkdirSync(`${node.dataDir}/pods`, { recursive: true });
    const holder = Bun.spawn(
      [tool('flock'), '--no-fork', `${node.dataDir}/pods/lock`, '/bin/sh', '-c', 'echo; read -r _'],
      {
        stdin: 'pipe',
        stdout: 'pipe',
      },
    );
    await holder.stdout.getReader().read();
    const common = { artifact: EXECUTABLE, config: network(node) };
    const gc = { ...network(node), 'cni.dev/valid-attachments': [] };
    const outcomes: Record<string, Outcome> = Object.fromEntries(
      await Promise.all(
        [
          { ...common, command: 'ADD', container: newcomer },
          { ...common, command: 'DEL', container: victim },
          { ...common, command: 'STATUS' },
          { ...common, command: 'GC', config: gc },
        ].map(async (call) => [call.command, await cniAsync(node, call)] as const),
      ),
    );
    holder.kill('SIGKILL');
    for (const [command, outcome] of Object.entries(outcomes)) {
      const { code, msg } = oneErrorObject(outcome);
      expect([command, code]).toEqual([command, command === 'STATUS' ? 50 : 11]);
      expect(msg).toContain(`process ${holder.pid} `);
      expect(outcome.ms).toBeGreaterThanOrEqual(WAIT_S * 1000);
    }
    succeeded(pods.del(victim));
    succeeded(pods.gc([]));
    expect(left(place)).toEqual(NOTHING);
  }, 60_000);
});

/** Makes the call while the kernel answers nothing from the nth time on. @returns how often it was waited for in vain */
function waitsWithout(verb: Verb, from: number): number {
  using place = createPlace();
  prepare(place, verb);
  const inject = `-e trace=recvfrom -e inject=recvfrom:error=EAGAIN:when=${from}+`;
  const { artifact, lines } = traced(place.node, EXECUTABLE, inject, 'first');
  const outcome = verb.call(place, artifact);
  if (outcome.status !== 0) expect(oneErrorObject(outcome).msg).toMatch(SILENT);
  const { pods, victim, neighbour } = place;
  for (const container of [victim, neighbour]) succeeded(pods.del(container));
  expect(left(place)).toEqual(NOTHING);
  return lines().filter((line) => line.includes('INJECTED')).length;
}

describeOnKernel('while the kernel does not answer', () => {
  test.each(VERBS.map((verb) => [verb.name, verb] as const))(
    '%s gives up, and the next DEL puts it right',
    (name, verb) => {
      const answers = callsOf(verb).filter((call) => call.name === 'recvfrom').length;
      const step = isFull ? 1 : 5;
      const waits = Array.from({ length: Math.ceil(answers / step) }, (_, at) => waitsWithout(verb, 1 + at * step));
      const most = Math.max(...waits);
      tell(
        `${name} without answers from each ${step}th of ${answers} on: waits ${most} times at most, ${most * WAIT_S} s`,
      );
      expect(most).toBeGreaterThan(0);
      expect(most).toBeLessThanOrEqual(MOST_WAITS);
    },
    SWEEP_TIMEOUT_MS,
  );
});

/** ADD takes back five things at most, one after the other. docs/reliability.md has the bound. */
const MOST_WAITS = 6;
