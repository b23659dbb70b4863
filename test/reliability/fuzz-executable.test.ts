/**
 * The executable under the inputs of fuzz.test.ts, watched from outside: one object or success, no file opened outside the
 * data directory but those of the system, no program started, nobody connected to.
 */

import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync } from 'node:fs';
import fc from 'fast-check';
import { oneErrorObject } from '../e2e/support/refusal.ts';
import { traced } from '../e2e/support/strace.ts';
import { type Artifact, artifacts } from '../support/artifacts.ts';
import { cni } from '../support/cni.ts';
import { createNode, type ScratchNode } from '../support/node.ts';
import { describeOnKernel } from '../support/privilege.ts';
import { isFull, SWEEP_TIMEOUT_MS, tell } from './support/form.ts';
import { chooseFuzzSeed, confined, FUZZED_CONFIG, FUZZED_RESULT } from './support/inputs.ts';
import { garbled, nearly, nearlyText } from './support/rubbish.ts';

const SEED = chooseFuzzSeed();
const RUNS = isFull ? 500 : 40;
/** The kernel's own files, and what a bridge's MAC is made of. The engine opens nothing by itself. */
const SYSTEM = ['/proc/', '/sys/', '/etc/machine-id'];

const commands = fc.constantFrom('ADD', 'ADD', 'DEL', 'CHECK', 'GC', 'STATUS');
/** No environment can hold a NUL. */
const args = fc
  .oneof(fc.constant(''), garbled(fc.constant('IgnoreUnknown=1;K8S_POD_NAME=web;IP=10.1.0.9')))
  .map((text) => text.replaceAll('\0', ''));
const configurations = nearly({ ...FUZZED_CONFIG, prevResult: FUZZED_RESULT });

describeOnKernel('the executable', () => {
  let node: ScratchNode;
  let watched: Artifact;
  let lines: () => string[];
  beforeAll(() => {
    node = createNode();
    mkdirSync(node.dataDir, { recursive: true });
    const trace = traced(node, artifacts[0] as Artifact, '-e trace=open,openat,execve,connect');
    watched = trace.artifact;
    lines = trace.lines;
  });
  afterAll(() => node.delete());

  function expectConfined(): void {
    const calls = lines();
    const opened = calls.flatMap((line) => openedBy(line) ?? []);
    const own = [node.dataDir, (artifacts[0] as Artifact).path, '/run/netns/', '/var/run/netns/'];
    expect(opened.filter((path) => ![...SYSTEM, ...own].some((allowed) => path.startsWith(allowed)))).toEqual([]);
    expect(opened.filter((path) => path.includes('..'))).toEqual([]);
    expect(calls.filter((line) => line.includes('execve('))).toHaveLength(1);
    expect(calls.filter((line) => line.includes('connect('))).toEqual([]);
  }

  function expectAnswered(call: Omit<Parameters<typeof cni>[1], 'artifact'>): void {
    const outcome = cni(node, { ...call, artifact: watched });
    if (outcome.status === 0) expect(outcome.stdout === '' || outcome.result !== undefined).toBe(true);
    else oneErrorObject(outcome);
    expectConfined();
  }

  test(
    `${RUNS} calls with a configuration that is nearly right`,
    () => {
      const container = node.container();
      const call = fc.property(commands, args, configurations, (command, given, json) =>
        expectAnswered({ command, container, args: given, config: atHome(json, node.dataDir) }),
      );
      fc.assert(call, { seed: SEED, numRuns: RUNS, endOnFailure: true });
      tell(`fuzz of the executable: ${RUNS} configurations, all answered (seed ${SEED})`);
    },
    SWEEP_TIMEOUT_MS,
  );

  test(
    `${RUNS} calls of VERSION with any text on stdin`,
    () => {
      const call = fc.property(nearlyText(FUZZED_CONFIG), (stdin) => {
        expect(
          cni(node, { artifact: artifacts[0] as Artifact, command: 'VERSION', stdin }).result?.supportedVersions,
        ).toBeArray();
      });
      fc.assert(call, { seed: SEED, numRuns: RUNS, endOnFailure: true });
      tell(`fuzz of the executable: ${RUNS} texts on stdin of VERSION, all answered (seed ${SEED})`);
    },
    SWEEP_TIMEOUT_MS,
  );
});

/** The path in a line of strace. What a proc mount of the program's own is asked for stands as everybody finds it. */
function openedBy(line: string): string | undefined {
  const path = /open(?:at)?\(.*?"((?:[^"\\]|\\.)*)"/.exec(line)?.[1];
  return /openat\(\d+, "sys\/net\/ipv6\/conf\//.test(line) ? `/proc/${path}` : path;
}

/** Also a configuration without IPAM has a data directory, which must not be the machine's own. */
function atHome(json: unknown, dataDir: string): unknown {
  const config = confined(json, dataDir);
  if (typeof config !== 'object' || config === null || Array.isArray(config)) return config;
  const hasIpam = Object.keys(config).some((key) => key.toLowerCase() === 'ipam');
  return hasIpam ? config : { ...config, ipam: { dataDir } };
}
