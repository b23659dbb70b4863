/** Refusals of the kernel that are answers. */

import { isKernelError } from '../netlink/error.ts';

/** What `action` returns; undefined where the kernel refuses it with one of these errnos. @throws what else it throws */
export function unlessRefused<T>(errnos: readonly number[], action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (isKernelError(error, ...errnos)) return undefined;
    throw error;
  }
}
