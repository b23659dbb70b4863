/** Every failure becomes one CNI error object here (CNI spec 1.1, section 5; docs/errors.md has our codes). */

import { Fault, type FaultKind, isOutOfMemory, onScreen, plainText, reasonOf } from '../fault.ts';
import { KernelError } from '../netlink/error.ts';
import { SystemError } from '../sys/libc.ts';
import { DelegateError } from './delegate.ts';

export interface CniError {
  readonly cniVersion: string;
  readonly code: number;
  readonly msg: string;
  readonly details?: string;
}

/** The specification defines 1 to 99; 100 and up are ours. */
const CODES: Record<FaultKind, number> = {
  version: 1,
  unsupported: 2,
  environment: 4,
  io: 5,
  decode: 6,
  config: 7,
  busy: 11,
  unavailable: 50,
  limited: 51,
  internal: 100,
  kernel: 101,
  conflict: 102,
  exhausted: 103,
  address: 104,
  check: 105,
  delegate: 106,
};

/** The kernel's answers to a caller without the privilege; the advice is always the same. */
const DENIED = ['EPERM', 'EACCES'];

/** The error object for anything that was thrown. */
export function cniErrorOf(error: unknown, cniVersion: string): CniError {
  if (error instanceof DelegateError) return present(cniVersion, error.code, error.message, error.details);
  if (isOutOfMemory(error)) return outOfMemory(cniVersion);
  const { kind, details } = classify(error);
  return present(cniVersion, CODES[kind], reasonOf(error), details === undefined ? undefined : plainText(details));
}

/** Also made ahead of time, for a call that has no memory left to make it (main.ts). */
export function outOfMemory(cniVersion: string): CniError {
  return {
    cniVersion,
    code: CODES.internal,
    msg: 'there is not enough memory for this call',
    details: 'Look at the limits of the process (its cgroup, RLIMIT_AS) and at the size of the configuration.',
  };
}

function present(cniVersion: string, code: number, msg: string, details: string | undefined): CniError {
  return { cniVersion, code, msg: onScreen(msg), ...(details === undefined ? {} : { details: onScreen(details) }) };
}

function classify(error: unknown): { kind: FaultKind; details?: string | undefined } {
  if (error instanceof Fault) return { kind: error.kind, details: error.details };
  if (error instanceof KernelError || error instanceof SystemError) {
    const details = DENIED.includes(error.code) ? 'The plugin must run as root, with CAP_NET_ADMIN.' : undefined;
    return { kind: 'kernel', details };
  }
  return { kind: 'internal', details: 'This is a defect of Trestle; please report it with the configuration used.' };
}
