/**
 * The answer of STATUS to a limit: an ADD may succeed all the same, or will succeed later without the node's owner (a range
 * without a free address, a packet filter that drops). Runtimes take any error of STATUS for a node that is not ready
 * (containerd 2 and kubelet then taint the node, and its running pods are evicted), so a limit is a warning unless the key
 * `status` says "strict".
 */

import { Fault, type FaultKind } from '../fault.ts';
import type { Log } from '../log.ts';
import { describe } from '../schema/explain.ts';

export type Strictness = 'lenient' | 'strict';

/** @throws Fault `config` for a value that is neither */
export function strictnessOf({ status }: { readonly status?: string | undefined }): Strictness {
  if (!status) return 'lenient';
  if (status === 'lenient' || status === 'strict') return status;
  throw new Fault(
    'config',
    `cannot use the configuration: status: ${describe(status)} is neither "lenient" nor "strict"`,
    {
      details: 'Set it to one of the two, or remove the key.',
    },
  );
}

/**
 * Runs `verify`; a Fault of the kind `limit` is logged as a warning, or with "strict" thrown as one of the kind `strictly`.
 * @throws every other error of `verify`
 */
export function limited(
  verify: () => unknown,
  limit: FaultKind,
  strictly: FaultKind,
  strictness: Strictness,
  log: Log,
): void {
  try {
    verify();
  } catch (error) {
    if (!(error instanceof Fault) || error.kind !== limit) throw error;
    if (strictness === 'lenient') warnOf(error, log);
    else throw new Fault(strictly, error.message, { cause: error, ...(error.details && { details: error.details }) });
  }
}

/** Logs message and advice of a Fault as a warning. */
function warnOf({ message, details }: Fault, log: Log): void {
  log('warn', details === undefined ? message : `${message}. ${details}`);
}
