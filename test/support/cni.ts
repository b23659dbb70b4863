/** One call of a plugin, exactly as a runtime makes it: in the node's namespace, CNI_* in a minimal environment, config on stdin. */

import { type Artifact, pluginDirectory, requireBuilt } from './artifacts.ts';
import { entering } from './netns.ts';
import type { Container, ScratchNode } from './node.ts';
import { DEADLINE_MS } from './process.ts';

export type Command = 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS' | 'VERSION';

export interface CniCall {
  readonly artifact: Artifact;
  readonly command: Command | (string & {});
  /** Gives CNI_CONTAINERID and CNI_NETNS. */
  readonly container?: Pick<Container, 'id' | 'netnsPath'>;
  /** CNI_IFNAME. Default eth0 where there is a container. */
  readonly ifName?: string;
  /** The network configuration, sent as JSON. */
  readonly config?: unknown;
  /** CNI_ARGS, `K=V;K=V`. */
  readonly args?: string;
  /** CNI_PATH. Default: the artifact's own directory. */
  readonly path?: string;
  /** Replaces variables; undefined removes one. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** For a call that is expected to take its time. */
  readonly deadlineMs?: number;
  /** Sent instead of `config`, as it is. */
  readonly stdin?: string | Uint8Array;
}

/** A result of any version, or what VERSION answers; only what tests look at. */
export interface CniResult {
  cniVersion: string;
  interfaces?: { name: string; mac?: string; mtu?: number; sandbox?: string }[];
  ips?: { address: string; gateway?: string; interface?: number; version?: string }[];
  routes?: { dst: string; gw?: string; [key: string]: unknown }[];
  dns?: Record<string, unknown>;
  ip4?: { ip: string; gateway?: string; routes?: { dst: string; gw?: string }[] };
  ip6?: { ip: string; gateway?: string; routes?: { dst: string; gw?: string }[] };
  supportedVersions?: string[];
}

export interface CniError {
  cniVersion?: string;
  code: number;
  msg: string;
  details?: string;
}

export interface Outcome {
  /** Null when a signal ended it (SIGKILL after the deadline). */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The JSON on stdout of a call that succeeded. */
  readonly result: CniResult | undefined;
  /** The JSON on stdout of a call that failed, if it is an error object. */
  readonly error: CniError | undefined;
  /** Wall time, with about 2 ms for entering the namespace. */
  readonly ms: number;
}

/** Makes the call and waits. */
export function cni(node: Pick<ScratchNode, 'ns'>, call: CniCall): Outcome {
  const started = performance.now();
  const done = Bun.spawnSync(commandLine(node, call), {
    stdin: input(call),
    stdout: 'pipe',
    stderr: 'pipe',
    env: environment(call),
    timeout: call.deadlineMs ?? DEADLINE_MS,
    killSignal: 'SIGKILL',
  });
  const status = done.signalCode ? null : done.exitCode;
  return outcome(status, done.stdout.toString(), done.stderr.toString(), performance.now() - started);
}

/** Makes the call without blocking, so that many run at once. */
export async function cniAsync(node: Pick<ScratchNode, 'ns'>, call: CniCall): Promise<Outcome> {
  const started = performance.now();
  const child = Bun.spawn(commandLine(node, call), {
    stdin: input(call),
    stdout: 'pipe',
    stderr: 'pipe',
    env: environment(call),
    timeout: call.deadlineMs ?? DEADLINE_MS,
    killSignal: 'SIGKILL',
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return outcome(child.signalCode ? null : child.exitCode, stdout, stderr, performance.now() - started);
}

/** The result of a call that must succeed. @throws Error with all it said, when it did not. */
export function succeeded(outcome: Outcome): CniResult {
  if (outcome.status === 0 && (outcome.result !== undefined || outcome.stdout === '')) return outcome.result ?? EMPTY;
  throw new Error(`the plugin should have succeeded: ${describeOutcome(outcome)}`);
}

/** The error object of a call that must fail as the specification says: status 1, one object, nothing else on stdout. */
export function failed(outcome: Outcome): CniError {
  if (outcome.status === 1 && outcome.error !== undefined) return outcome.error;
  throw new Error(`the plugin should have failed with one error object and status 1: ${describeOutcome(outcome)}`);
}

/** The whole environment of a call; the rest of the test's own does not reach the plugin. */
export function environment(call: CniCall): Record<string, string> {
  const absent = call.command === 'VERSION' ? 'dummy' : '';
  const all: Record<string, string | undefined> = {
    PATH: call.artifact.searchPath,
    CNI_COMMAND: call.command,
    CNI_CONTAINERID: call.container?.id ?? absent,
    CNI_NETNS: call.container?.netnsPath ?? absent,
    CNI_IFNAME: call.ifName ?? (call.container ? 'eth0' : absent),
    CNI_ARGS: call.args ?? '',
    CNI_PATH: call.path ?? pluginDirectory(call.artifact),
    ...call.env,
  };
  return Object.fromEntries(Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== undefined));
}

const EMPTY: CniResult = { cniVersion: '' };

function commandLine(node: Pick<ScratchNode, 'ns'>, call: CniCall): string[] {
  requireBuilt(call.artifact);
  return entering(node.ns, [call.artifact.path]);
}

function input(call: CniCall): Buffer {
  if (call.stdin !== undefined) return Buffer.from(call.stdin as string);
  return Buffer.from(call.config === undefined ? '' : JSON.stringify(call.config));
}

function outcome(status: number | null, stdout: string, stderr: string, ms: number): Outcome {
  const json = parse(stdout);
  const result = status === 0 ? (json as CniResult | undefined) : undefined;
  const error = status !== 0 && isError(json) ? json : undefined;
  return { status, stdout, stderr, result, error, ms };
}

function parse(stdout: string): unknown {
  try {
    return JSON.parse(stdout);
  } catch {
    return undefined;
  }
}

function isError(json: unknown): json is CniError {
  return typeof json === 'object' && json !== null && 'code' in json && 'msg' in json;
}

function describeOutcome(outcome: Outcome): string {
  const part = (name: string, text: string) => (text === '' ? '' : `\n${name}: ${text.trimEnd().slice(0, 4000)}`);
  return `exit status ${outcome.status}${part('stdout', outcome.stdout)}${part('stderr', outcome.stderr)}`;
}
