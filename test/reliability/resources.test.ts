/**
 * With little memory, few descriptors, no room for another process or thread, and clocks that jump. `ulimit -v` is tried in
 * test/e2e/engine. `ulimit -u` does not bind root; a control group does.
 */

import { expect, test } from 'bun:test';
import { utimesSync } from 'node:fs';
import { network } from '../e2e/support/network.ts';
import { oneErrorObject } from '../e2e/support/refusal.ts';
import { wrapped } from '../e2e/support/wrapped.ts';
import { type Artifact, artifacts, REFERENCE_DIRECTORY } from '../support/artifacts.ts';
import { type Outcome, succeeded } from '../support/cni.ts';
import { describeOnKernel, testUnless } from '../support/privilege.ts';
import { tool } from '../support/process.ts';
import { type CallOptions, runtime } from '../support/runtime.ts';
import { type Controller, createCgroup, whyNoCgroup } from './support/cgroup.ts';
import { tell } from './support/form.ts';
import { createPlace, EXECUTABLE, left, NOTHING, type Place, welcome } from './support/place.ts';

const [, BUNDLE] = artifacts as [Artifact, Artifact];

/** All verbs, one after the other, with the artifact as it is wrapped. */
function wholeLife({ pods, victim, neighbour }: Place, artifact: Artifact): Outcome[] {
  const options: CallOptions = { artifact };
  return [
    pods.status(options),
    pods.add(victim, options),
    pods.add(neighbour, options),
    pods.check(victim, options),
    pods.del(victim, options),
    pods.gc([{ containerID: neighbour.id, ifname: 'eth0' }], options),
    pods.check(neighbour, options),
    pods.gc([], options),
  ];
}

function livesWith(place: Place, script: string, artifact = EXECUTABLE): void {
  for (const outcome of wholeLife(place, wrapped(place.node, artifact, script))) succeeded(outcome);
  expect(left(place)).toEqual(NOTHING);
}

/** A test within a control group, which a machine may not have. */
function within(
  controller: Controller,
  limit: number,
  name: string,
  body: (place: Place, enter: string) => void,
): void {
  testUnless(whyNoCgroup(controller), name, () => {
    using place = createPlace();
    using group = createCgroup(controller, limit);
    body(place, group.enter);
  });
}

describeOnKernel('with 64 MiB of memory', () => {
  within('memory', 64 << 20, 'every command works, the pages of the executable counted', (place, enter) => {
    // A copy that is on disk and in no cache: its pages are charged to whoever reads them first.
    const copy = `${place.node.directory}/copy`;
    const uncached = `sync "${copy}" && dd if="${copy}" iflag=nocache count=0 status=none`;
    Bun.spawnSync([tool('sh'), '-c', `cp "${EXECUTABLE.path}" "${copy}" && ${uncached}`], {
      env: { PATH: '/usr/bin:/bin' },
    });
    livesWith(place, `${enter}\nexec "${copy}"`);
  });
});

describeOnKernel('with few file descriptors', () => {
  test('20 are enough for every command', () => {
    using place = createPlace();
    livesWith(place, 'ulimit -n 20\nexec "$PLUGIN"');
  });

  test('with fewer it says so, and nothing is left', () => {
    using place = createPlace();
    const answers = Array.from({ length: 17 }, (_, at) => answerWith(place, 20 - at)).reverse();
    tell(`ADD with 4 to 20 file descriptors: ${answers.join(', ')}`);
    expect(answers.at(-1)).toBe('result');
    expect(answers.slice(1)).not.toContain('engine');
  });
});

function answerWith(place: Place, descriptors: number): 'result' | 'error' | 'engine' {
  const { pods, victim } = place;
  const artifact = wrapped(place.node, EXECUTABLE, `ulimit -n ${descriptors}\nexec "$PLUGIN"`);
  const outcome = pods.add(victim, { artifact });
  if (outcome.status === 0) succeeded(pods.del(victim));
  else if (outcome.error !== undefined) oneErrorObject(outcome);
  expect(left(place)).toEqual(NOTHING);
  return outcome.status === 0 ? 'result' : outcome.error === undefined ? 'engine' : 'error';
}

describeOnKernel('with a full process table', () => {
  within('pids', 1, 'every command works with one process of one thread', (place, enter) => {
    livesWith(place, `${enter}\nexec "$PLUGIN"`);
  });

  within(
    'pids',
    1,
    'another IPAM plugin cannot be started: ADD says so; DEL finishes when there is room',
    (place, enter) => {
      const { node, victim } = place;
      const ipam = { type: 'static', addresses: [{ address: '10.95.0.9/24' }], dataDir: node.dataDir };
      const pods = runtime(node, EXECUTABLE, network(node, { ipam, cniVersion: '1.0.0' }));
      const narrow = { path: REFERENCE_DIRECTORY, artifact: wrapped(node, EXECUTABLE, `${enter}\nexec "$PLUGIN"`) };
      const outcome = pods.add(victim, narrow);
      expect(outcome.error).toMatchObject({ code: 106, msg: expect.stringContaining('could not be started: EAGAIN') });
      succeeded(pods.del(victim, { path: REFERENCE_DIRECTORY }));
      expect(left(place)).toEqual(NOTHING);
    },
  );
});

/**
 * libfaketime makes the wall clock lie: to everything that asks the C library, and to nothing else on the machine. It cannot be
 * loaded into the executable, so it is the bundle that is lied to.
 */
function clock(spec: string): string {
  const library = `${tool('faketime').replace(/bin\/faketime$/, 'lib')}/$(uname -m)-linux-gnu/faketime/libfaketime.so.1`;
  return `PATH=/usr/bin:/bin\nFAKETIME="${spec}" DONT_FAKE_MONOTONIC=1 LD_PRELOAD="${library}" exec "$PLUGIN"`;
}

const CLOCKS = ['+400d', '-400d', '+0 x1000000'] as const;

describeOnKernel('with a clock', () => {
  test.each(CLOCKS)('that is at %s: every command works', (spec) => {
    using place = createPlace();
    livesWith(place, clock(spec), BUNDLE);
  });

  test('that jumps between calls: what lives stays, what goes goes', () => {
    using place = createPlace();
    const { node, pods, victim, neighbour } = place;
    const at = (spec: string): CallOptions => ({ artifact: wrapped(node, BUNDLE, clock(spec)) });
    for (const [made, collected, ended] of [
      ['+400d', '-400d', '+0'],
      ['-400d', '+400d', '-800d'],
      ['+0', '-400d', '+400d'],
    ] as const) {
      succeeded(pods.add(victim, at(made)));
      succeeded(pods.add(neighbour, at(ended)));
      // Without a list only what is provably dead goes, and nothing is.
      succeeded(pods.gc(undefined, at(collected)));
      for (const container of [victim, neighbour]) succeeded(pods.check(container, at(ended)));
      for (const container of [victim, neighbour]) succeeded(pods.del(container, at(ended)));
      expect(left(place)).toEqual(NOTHING);
    }
  });

  test('of the time since boot that starts elsewhere: every command works', () => {
    using place = createPlace();
    livesWith(place, `exec ${tool('unshare')} --time --monotonic 86400000 --boottime 86400000 -- "$PLUGIN"`);
  });

  test('that is behind a lease’s: what was written in the year 2096 is kept, and goes with DEL', () => {
    using place = createPlace();
    welcome(place);
    const [lease] = Object.keys(left(place).files).filter((path) => path.startsWith('pods/10.'));
    utimesSync(`${place.node.dataDir}/${lease}`, new Date(4e12), new Date(4e12));
    succeeded(place.pods.gc(undefined));
    succeeded(place.pods.check(place.newcomer));
    succeeded(place.pods.del(place.newcomer));
    expect(left(place)).toEqual(NOTHING);
  });
});
