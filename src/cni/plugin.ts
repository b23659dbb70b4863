/** One call of the plugin: from the environment and stdin to one JSON object on stdout and an exit status. */

import { reasonOf } from '../fault.ts';
import { createLog, type Journal } from '../log.ts';
import { type Environment, readEnvironment, type Variables } from './environment.ts';
import { cniErrorOf } from './error.ts';
import { parseInput } from './input.ts';
import { runIpamCommand } from './ipam-plugin.ts';
import { type CallJournal, closedJournal, openJournal } from './journal.ts';
import { runMainCommand } from './main-plugin.ts';
import type { Input } from './request.ts';
import { LATEST_VERSION, VERSIONS } from './versions.ts';

export type Role = 'main' | 'ipam';

/** All that a call sees of the world and does to it, apart from kernel and data directory. */
export interface Call {
  readonly role: Role;
  readonly variables: Variables;
  readInput(): string;
  write(text: string): void;
  writeError(text: string): void;
}

/** @returns the exit status: 0, or 1 after an error object */
export function runPlugin(call: Call): number {
  const log = createLog(call.writeError);
  let cniVersion: string = LATEST_VERSION;
  let journal: CallJournal = closedJournal(log);
  try {
    const environment = readEnvironment(call.variables);
    if (environment.command === 'VERSION') return answer(call, versionOf(readLeniently(call)));
    const text = call.readInput();
    const json = parseInput(text);
    cniVersion = versionOf(json).cniVersion;
    journal = openJournal(environment, json, log);
    const result = dispatch(call.role, environment, { text, json }, journal);
    journal.succeeded(result);
    return result === undefined ? 0 : answer(call, result);
  } catch (error) {
    if (call.variables.TRESTLE_STACK) call.writeError(`${error instanceof Error ? error.stack : reasonOf(error)}\n`);
    const told = cniErrorOf(error, cniVersion);
    journal.failed(told);
    return answer(call, told, 1);
  }
}

function dispatch(role: Role, environment: Environment, input: Input, journal: Journal): object | undefined {
  const run = role === 'main' ? runMainCommand : runIpamCommand;
  return run(environment, input, journal);
}

/** VERSION answers whatever stands on stdin: it is how a runtime finds out what may stand there. */
function readLeniently(call: Call): Record<string, unknown> {
  try {
    return parseInput(call.readInput());
  } catch {
    return {};
  }
}

/** In the version of the request, where it is one of ours. */
function versionOf({ cniVersion }: Record<string, unknown>): {
  cniVersion: string;
  supportedVersions: readonly string[];
} {
  const spoken = VERSIONS.find((version) => version === cniVersion) ?? LATEST_VERSION;
  return { cniVersion: spoken, supportedVersions: VERSIONS };
}

function answer(call: Call, object: object, status = 0): number {
  call.write(`${JSON.stringify(object)}\n`);
  return status;
}
