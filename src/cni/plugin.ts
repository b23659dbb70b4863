/** One call of a plugin: from the environment and stdin to one JSON object on stdout and an exit status. */

import { Fault, reasonOf } from '../fault.ts';
import { createLog, type Journal, type Log } from '../log.ts';
import { type Environment, readEnvironment, type Variables } from './environment.ts';
import { type CniError, cniErrorOf } from './error.ts';
import { type CallJournal, closedJournal, openJournal } from './journal.ts';
import { type Input, parseInput } from './stdio.ts';
import { LATEST_VERSION, VERSIONS } from './versions.ts';

/** The commands of one role. @returns the JSON to print: the result of ADD, nothing for the others. @throws Fault and others */
export type Plugin = (environment: Environment, input: Input, journal: Journal) => object | undefined;

/** The input and output of a call, apart from kernel and data directory. */
interface Call {
  readonly plugin: Plugin;
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
    const opened = openJournal(environment, json, log);
    journal = opened;
    const run = (asked: Environment) => call.plugin(asked, { text, json }, opened);
    const result = run(environment);
    if (result !== undefined) handOver(call, result, opened.log, () => run({ ...environment, command: 'DEL' }));
    opened.succeeded(result);
    return 0;
  } catch (error) {
    if (call.variables.TRESTLE_STACK) call.writeError(`${error instanceof Error ? error.stack : reasonOf(error)}\n`);
    const cniError = cniErrorOf(error, cniVersion);
    journal.failed(cniError);
    return refuse(call, cniError);
  }
}

/**
 * Prints the result of ADD. An ADD whose result cannot be written has failed and must leave nothing, so `takeBack` does DEL,
 * as the runtime would.
 */
function handOver(call: Call, result: object, log: Log, takeBack: () => void): void {
  try {
    answer(call, result);
  } catch (cause) {
    try {
      takeBack();
    } catch (error) {
      log('error', `cannot take the attachment back: ${reasonOf(error)}`);
    }
    const details = 'The attachment was taken back. See what the runtime gave the plugin as standard output.';
    throw new Fault('io', `cannot write the result: ${reasonOf(cause)}`, { cause, details });
  }
}

/** Writes the error object; where stdout takes nothing, writes the error to stderr. */
function refuse(call: Call, error: CniError): number {
  try {
    return answer(call, error, 1);
  } catch (failure) {
    call.writeError(`trestle: error: ${error.msg}; cannot write that to standard output: ${reasonOf(failure)}\n`);
    return 1;
  }
}

/** VERSION accepts every stdin, since runtimes call it to find out which versions stdin may have. */
function readLeniently(call: Call): Record<string, unknown> {
  try {
    return parseInput(call.readInput());
  } catch {
    return {};
  }
}

/** The answer of VERSION, in the version of the request where we support it. */
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
