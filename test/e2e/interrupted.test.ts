/** ADD and DEL that are stopped at each message to the kernel: refused, nothing is left; killed, the next DEL leaves nothing. */

import { expect, test } from 'bun:test';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Artifact } from '../support/artifacts.ts';
import { type Outcome, succeeded } from '../support/cni.ts';
import { leftovers } from '../support/leftovers.ts';
import { type Container, createNode, type ScratchNode } from '../support/node.ts';
import { patient } from '../support/patience.ts';
import { type Runtime, runtime } from '../support/runtime.ts';
import { e2e, network } from './support/network.ts';
import { oneErrorObject } from './support/refusal.ts';
import { traced } from './support/strace.ts';

const REFUSED = 'error=EPERM';
const UNANSWERED = 'error=ENOMEM';
const KILLED = 'signal=SIGKILL';
/** No ADD sends that many messages. */
const MOST = 150;

interface Place {
  readonly node: ScratchNode;
  readonly container: Container;
  /** Calls without interruption, and the one that is interrupted. */
  readonly pods: Runtime;
  readonly interrupted: Runtime;
}

/**
 * Does `act` on a fresh node, stopped at the first message, at the second and so on, until it is no longer stopped. `call` is
 * sendto for what the kernel is told, recvfrom for what it answers.
 */
function atEachMessage(
  artifact: Artifact,
  how: string,
  act: (place: Place) => Outcome,
  then: (place: Place, outcome: Outcome) => void,
  call = 'sendto',
): number {
  // One artifact stopped at every message tells where; that the other one does the same is seen at every fourth.
  const step = artifact.name === 'dist/trestle' ? 1 : 4;
  for (let at = 1; at < MOST; at += step) {
    using node = createNode();
    const plugin = traced(node, artifact, `-e trace=${call} -e inject=${call}:${how}:when=${at}`);
    const container = node.container();
    const pods = runtime(node, artifact, network(node, { hairpinMode: true, macspoofchk: true }));
    const place = { node, container, pods, interrupted: runtime(node, plugin.artifact, pods.config) };
    const outcome = act(place);
    if (!plugin.lines().some((line) => line.includes('INJECTED') || line.includes('killed by SIGKILL'))) return at;
    then(place, outcome);
  }
  throw new Error(`after ${MOST} messages it was still not done`);
}

/** Of an ADD. */
function verifyAllOrNothing({ node, pods, container }: Place, outcome: Outcome, reason: string): void {
  if (outcome.status === 0) {
    succeeded(pods.check(container, { prevResult: succeeded(outcome) }));
    return;
  }
  expect(oneErrorObject(outcome).msg).toContain(reason);
  expect(leftovers(node)).toEqual(EMPTY);
}

/** The process that makes an attachment, in its record. */
const PROCESS = /"process":\d+/;

const EMPTY = { links: ['lo'], files: {}, elements: [], nat: [], containers: {} };

e2e('stopped at each message to the kernel', (artifact) => {
  test('an ADD that is refused leaves nothing, or succeeds all the same', () => {
    const messages = atEachMessage(
      artifact,
      REFUSED,
      ({ interrupted, container }) => interrupted.add(container),
      (place, outcome) => verifyAllOrNothing(place, outcome, 'EPERM'),
    );
    expect(messages).toBeGreaterThan(8);
  });

  test(
    'an ADD that does not get an answer leaves nothing, or succeeds all the same',
    () => {
      const answers = atEachMessage(
        artifact,
        UNANSWERED,
        ({ interrupted, container }) => interrupted.add(container),
        (place, outcome) => verifyAllOrNothing(place, outcome, 'ENOMEM'),
        'recvfrom',
      );
      expect(answers).toBeGreaterThan(20);
    },
    patient(120_000),
  );

  test('an ADD that is killed leaves nothing that DEL does not take, and can be done again', () => {
    const messages = atEachMessage(
      artifact,
      KILLED,
      ({ interrupted, container }) => interrupted.add(container),
      ({ node, pods, container }) => {
        succeeded(pods.del(container));
        expect(leftovers(node)).toEqual(EMPTY);
        succeeded(pods.add(container));
        succeeded(pods.check(container));
      },
    );
    expect(messages).toBeGreaterThan(8);
  });

  test('an ADD that is killed before it had an interface can be done again, though another process has got its ID', () => {
    let met = 0;
    atEachMessage(
      artifact,
      KILLED,
      ({ interrupted, container }) => interrupted.add(container),
      ({ node, pods, container }) => {
        const path = join(node.dataDir, '.trestle/pods', `${container.id}:eth0`);
        if (!existsSync(path) || leftovers(node).links.length > 1) return;
        met++;
        const record = readFileSync(path, 'utf8');
        expect(record).toMatch(PROCESS);
        writeFileSync(path, record.replace(PROCESS, `"process":${process.pid}`));
        succeeded(pods.add(container));
        succeeded(pods.check(container));
      },
    );
    expect(met).toBeGreaterThan(0);
  });

  test('a DEL that is killed is finished by the next one', () => {
    const messages = atEachMessage(
      artifact,
      KILLED,
      ({ pods, interrupted, container }) => {
        const prevResult = succeeded(pods.add(container));
        return interrupted.del(container, { prevResult });
      },
      ({ node, pods, container }) => {
        succeeded(pods.del(container));
        expect(leftovers(node)).toEqual(EMPTY);
      },
    );
    expect(messages).toBeGreaterThan(1);
  });

  test('a DEL that is refused says so, and the next one finishes it', () => {
    const messages = atEachMessage(
      artifact,
      REFUSED,
      ({ pods, interrupted, container }) => {
        const prevResult = succeeded(pods.add(container));
        return interrupted.del(container, { prevResult });
      },
      ({ node, pods, container }, outcome) => {
        if (outcome.status !== 0) expect(oneErrorObject(outcome).msg).toContain('EPERM');
        else expect(leftovers(node)).toEqual(EMPTY);
        succeeded(pods.del(container));
        expect(leftovers(node)).toEqual(EMPTY);
      },
    );
    expect(messages).toBeGreaterThan(1);
  });
});
