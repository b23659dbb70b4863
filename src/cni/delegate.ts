/**
 * Delegation (CNI spec 1.1, section 4): another IPAM plugin, the executable in CNI_PATH with the name of `ipam.type`, runs with
 * our stdin and environment.
 */

import { Fault } from '../fault.ts';
import { describe } from '../schema/explain.ts';
import { isObject, parseJson } from '../schema/json.ts';
import { findProgram, runProgram } from '../sys/process.ts';
import type { Variables } from './environment.ts';
import { decodeResult, type Result } from './result.ts';
import { writeIfPossible } from './stdio.ts';

/** What a call needs to run another plugin. */
export interface Delegation {
  /** The name of the executable. */
  readonly type: string;
  readonly path: readonly string[];
  readonly variables: Variables;
  /** Our stdin, unchanged. */
  readonly input: string;
}

/** A DHCP server may be slow; runtimes give up after two to four minutes. */
const DEADLINE_MS = 60_000;

const SEE_LOG =
  'Its messages are in the log of the runtime. Call the plugin by hand, or set ipam.type to "trestle-ipam".';

/** The error object of a delegated plugin, which we hand on unchanged. */
export class DelegateError extends Error {
  override readonly name = 'DelegateError';
  readonly code: number;
  readonly details: string | undefined;

  constructor(code: number, message: string, details: string | undefined) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

/** Runs the plugin's ADD. @throws DelegateError with the plugin's error, Fault `delegate` where it gives no usable result */
export function delegateAdd(delegation: Delegation): Result {
  const output = runDelegate(delegation, 'ADD');
  const result = decodeResult(parseAnswer(delegation, 'ADD', output), `the result of ${delegation.type}`);
  if (result.ips.length > 0) return result;
  throw unusable(delegation, 'ADD', 'it succeeded without giving an address', missingAddresses(delegation));
}

/** Runs another command of the plugin. @throws DelegateError, Fault `delegate` */
export function delegateCommand(delegation: Delegation, command: 'DEL' | 'CHECK' | 'GC' | 'STATUS'): void {
  runDelegate(delegation, command);
}

/**
 * Runs a command of the plugin, and copies its stderr to ours when it has ended. The plugin must not inherit our stderr: a
 * process that the plugin leaves behind would keep it open, and runtimes read it to its end.
 * @returns the plugin's stdout. @throws DelegateError, Fault `delegate`
 */
function runDelegate(delegation: Delegation, command: string): string {
  const executable = findExecutable(delegation);
  const { variables, input } = delegation;
  const env = { ...variables, CNI_COMMAND: command };
  const ran = runProgram({ file: executable, args: [], env, input, deadlineMs: DEADLINE_MS });
  if (ran.stderr !== '') writeIfPossible(2, ran.stderr);
  if (ran.timedOut)
    throw unusable(delegation, command, `it did not end within ${DEADLINE_MS / 1000} s, and was killed`);
  if (ran.succeeded) return ran.stdout;
  if (!ran.started) throw unusable(delegation, command, `it could not be started: ${ran.status}`);
  throw failure(delegation, command, ran.stdout, ran.status);
}

/** Searches CNI_PATH alone, so the name must not be a path. @throws Fault `config`, `delegate` */
function findExecutable({ type, path }: Delegation): string {
  if (!/^[A-Za-z0-9][\w.-]*$/.test(type)) {
    throw new Fault('config', `cannot run the IPAM plugin ${describe(type)}: that is not the name of a plugin`);
  }
  const found = findProgram(type, path);
  if (found !== undefined) return found;
  throw new Fault('delegate', `cannot run the IPAM plugin ${type}: it is not in CNI_PATH`, {
    details: `CNI_PATH is ${path.join(':') || 'empty'}. Install the plugin there, or correct ipam.type.`,
  });
}

/** The error object of a plugin that failed; a plugin that crashed has printed none. */
function failure(delegation: Delegation, command: string, stdout: string, status: string | number): Error {
  const error = parseObject(stdout);
  if (!Number.isSafeInteger(error?.code) || typeof error?.msg !== 'string') {
    const ended = typeof status === 'number' ? `it ended with status ${status}` : `it ended by ${status}`;
    return unusable(delegation, command, `${ended} and without an error object`);
  }
  return new DelegateError(
    error.code as number,
    error.msg,
    typeof error.details === 'string' ? error.details : undefined,
  );
}

function parseAnswer(delegation: Delegation, command: string, stdout: string): Record<string, unknown> {
  const answer = parseObject(stdout);
  if (answer !== undefined) return answer;
  const what = stdout.trim() === '' ? 'nothing' : describe(stdout.trim());
  throw unusable(delegation, command, `it succeeded and printed ${what}, expected a result`);
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = parseJson(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function unusable({ type }: Delegation, command: string, reason: string, details = SEE_LOG): Fault {
  return new Fault('delegate', `cannot have the IPAM plugin ${type} do ${command}: ${reason}`, { details });
}

/** `static` gives the addresses of its configuration, and succeeds without any; other plugins may do the same. */
function missingAddresses({ type }: Delegation): string {
  if (type !== 'static')
    return `Its section "ipam" must say which addresses it gives; see the documentation of ${type}.`;
  const example = '"addresses": [{ "address": "192.0.2.10/24", "gateway": "192.0.2.1" }]';
  return `Set ipam.addresses, as in ${example}, or request an address: CNI_ARGS IP, args.cni.ips, runtimeConfig.ips.`;
}
