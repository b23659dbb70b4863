/** Looking at what is thrown. */

import { Fault } from '../../src/fault.ts';
import { KernelError } from '../../src/netlink/error.ts';

/** The Fault that `action` throws. @throws what else it throws, or an Error when it throws nothing */
export function faultOf(action: () => unknown): Fault {
  const thrown = thrownBy(action);
  if (thrown instanceof Fault) return thrown;
  throw thrown;
}

/** The KernelError that `action` throws. @throws what else it throws, or an Error when it throws nothing */
export function kernelErrorOf(action: () => unknown): KernelError {
  const thrown = thrownBy(action);
  if (thrown instanceof KernelError) return thrown;
  throw thrown;
}

/** Whatever `action` throws. @throws Error when it throws nothing */
export function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
