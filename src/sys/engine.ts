/**
 * The adapter of the engine in dist/trestle. The host object of the engine (engine/src/host.rs) is nearly a `Runtime`
 * already.
 */

import { EINVAL, errnoName, signalName } from './errno.ts';
import type { Ended, ProgramCall, Runtime } from './runtime.ts';

interface Host extends Omit<Runtime, 'args' | 'programName' | 'run'> {
  /** argv: the first is the name that the program was started under. */
  args(): readonly [string, ...string[]];
  /** All arguments are bytes: path, arguments and variables are C strings, one after the other. */
  run(
    file: Uint8Array,
    args: Uint8Array,
    env: Uint8Array,
    input: Uint8Array,
    deadlineMs: number,
    mostBytes: number,
  ): { readonly error: number } | ({ readonly error: undefined } & Ran);
}

interface Ran {
  readonly status: number;
  /** Zero unless a signal ended it. */
  readonly signal: number;
  readonly timedOut: boolean;
  readonly saidTooMuch: boolean;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

declare const host: Host;

export const runtime: Runtime = {
  ...host,
  programName: () => host.args()[0],
  args: () => host.args().slice(1),
  run,
};

function run({ file, args, env, input, deadlineMs }: ProgramCall, mostBytes: number): Ended {
  const variables = Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : `${name}=${value}`));
  const given = [file, ...args, ...variables];
  if (given.some((text) => text.includes('\0'))) return notStarted(EINVAL);
  const ran = host.run(
    cStrings([file]),
    cStrings([file, ...args]),
    cStrings(variables),
    host.encode(input),
    deadlineMs,
    mostBytes,
  );
  if (ran.error !== undefined) return notStarted(ran.error);
  return {
    succeeded: ran.status === 0 && ran.signal === 0 && !ran.timedOut && !ran.saidTooMuch,
    started: true,
    timedOut: ran.timedOut,
    status: statusOf(ran, mostBytes),
    stdout: host.decode(ran.stdout),
    stderr: host.decode(ran.stderr),
  };
}

function statusOf({ status, signal, saidTooMuch }: Ran, mostBytes: number): number | string {
  if (saidTooMuch) return `saying more than ${mostBytes} bytes`;
  return signal === 0 ? status : signalName(signal);
}

function notStarted(errno: number): Ended {
  return { succeeded: false, started: false, timedOut: false, status: errnoName(errno), stdout: '', stderr: '' };
}

function cStrings(texts: readonly string[]): Uint8Array {
  return host.encode(texts.map((text) => `${text}\0`).join(''));
}
