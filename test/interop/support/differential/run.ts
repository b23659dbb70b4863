/** One case on one side: ADD, CHECK and DEL on a node of its own, and what is seen after each. */

import { withDefaultDataDir } from '../../../e2e/support/mounts.ts';
import { type Config, stopForwarding } from '../../../e2e/support/network.ts';
import { type Artifact, executable, reference } from '../../../support/artifacts.ts';
import { type Command, cniAsync, type Outcome } from '../../../support/cni.ts';
import { goProgram } from '../../../support/go-programs.ts';
import { setSysctl } from '../../../support/kernel.ts';
import { ipBatch } from '../../../support/netns.ts';
import { type Container, createNode, type ScratchNode } from '../../../support/node.ts';
import { type Case, configOf, hasIpam } from './case.ts';
import { leasesIn, writeFiles } from './files.ts';
import type { Json, JsonObject } from './json.ts';
import { createNames, type Names } from './neutral.ts';
import { probe } from './probe.ts';
import { readState } from './state.ts';

export const theirs: Artifact = { ...reference('bridge'), path: goProgram('plugins', 'bridge') };
/** With the programs that the reference has too: iptables. */
export const ours: Artifact = { ...executable, searchPath: theirs.searchPath };

interface Run {
  readonly artifact: Artifact;
  readonly subject: Case;
  readonly node: ScratchNode;
  readonly names: Names;
}

interface Attached extends Container {
  readonly extra: Config;
  result?: Outcome['result'];
}

/** The way back that the outside knows. */
const SUBNETS = ['10.89.0.0/24', 'fd00:89::/64'];

/** What came of it, in words that mean the same on both sides. Where no ADD succeeded, only what each said. */
export async function observe(artifact: Artifact, subject: Case): Promise<JsonObject> {
  using node = createNode(subject.outside ? { outside: true, routesBack: SUBNETS, ...subject.outside } : {});
  const names = createNames(JSON.stringify([subject.config, subject.call, subject.containers]));
  names.learn(node.directory, '<directory>');
  const run = { artifact, subject, node, names };
  return names.neutral(await carryOut(run, prepare(run)));
}

function prepare({ subject, node, names }: Run): Attached[] {
  stopForwarding(node.ns);
  if (subject.node !== undefined) ipBatch(node.ns, subject.node);
  writeFiles(node.directory, subject.files);
  return (subject.containers ?? [{}]).map((extra, at) => {
    const container = node.container();
    if (subject.inside !== undefined) ipBatch(container.ns, subject.inside);
    for (const [name, value] of Object.entries(subject.sysctls ?? {})) setSysctl(container.ns, name, value);
    names.learn(container.id, `<container ${at}>`);
    names.learn(container.netnsPath, `<netns ${at}>`);
    return { ...container, extra };
  });
}

async function carryOut(run: Run, containers: Attached[]): Promise<JsonObject> {
  const add = await inTurn(containers, async (container, at) => {
    const outcome = await call(run, 'ADD', container);
    container.result = outcome.result;
    run.names.learn(outcome.result?.interfaces?.[1]?.name, `<veth ${at}>`);
    return answerOf(outcome);
  });
  if (containers.every(({ result }) => result === undefined)) return { ADD: add };
  const afterAdd = await look(run, containers);
  const check = await statuses(run, 'CHECK', containers);
  const checkByTheirs =
    run.artifact === theirs ? check : await statuses({ ...run, artifact: theirs }, 'CHECK', containers);
  const probes = await Promise.all((run.subject.probes ?? []).map((name) => probe(name, run.node, containers)));
  const del = await statuses(run, 'DEL', containers);
  const afterDel = await look(run, containers);
  return {
    ...{ ADD: add, 'after ADD': afterAdd, CHECK: check, 'CHECK by theirs': checkByTheirs },
    ...{ probes, DEL: del, 'after DEL': afterDel },
  };
}

function statuses(run: Run, command: Command, containers: Attached[]): Promise<Json[]> {
  return inTurn(containers, async (container) => (await call(run, command, container)).status);
}

async function inTurn(
  containers: Attached[],
  act: (container: Attached, at: number) => Promise<Json>,
): Promise<Json[]> {
  const answers: Json[] = [];
  for (const [at, container] of containers.entries()) answers.push(await act(container, at));
  return answers;
}

function call({ artifact, subject, node }: Run, command: Command, container: Attached): Promise<Outcome> {
  const prevResult = command === 'ADD' || container.result === undefined ? {} : { prevResult: container.result };
  const config = configOf(subject, node.directory, { ...container.extra, ...prevResult });
  const plugin = hasIpam(config) ? artifact : withDefaultDataDir(node, artifact);
  const path = artifact.path.replace(/\/[^/]*$/, '');
  return cniAsync(node, { artifact: plugin, command, container, config, path, ...subject.call });
}

/** What is on stdout: the result, or the error's code. */
export function answerOf({ status, result, error }: Outcome): Json {
  if (error !== undefined) return { status, code: error.code };
  return { status, ...(result === undefined ? {} : { result: result as unknown as Json }) };
}

async function look({ node, names }: Run, containers: Attached[]): Promise<JsonObject> {
  const spaces = [['node', node.ns] as const, ...containers.map(({ ns }, at) => [`container ${at}`, ns] as const)];
  const readings = await Promise.all(spaces.map(async ([name, ns]) => [name, await readState(ns)] as const));
  for (const [name, { links }] of readings) names.learnLinks(links, name);
  return { ...Object.fromEntries(readings.map(([name, { state }]) => [name, state])), lease: leasesIn(node.dataDir) };
}
