/** The C library of this process, and one buffer for everything that it reads. */

import { runtime } from '#runtime';
import { errnoName, errnoText } from './errno.ts';
import type { CArgument, SymbolName } from './runtime.ts';

/** A system call that failed: `errno` is positive, as in errno.h, and `code` its name. */
export class SystemError extends Error {
  override readonly name = 'SystemError';
  readonly errno: number;
  readonly code: string;

  constructor(call: string, errno: number) {
    super(`${call}: ${errnoText(errno)}`);
    this.errno = errno;
    this.code = errnoName(errno);
  }
}

/** Calls a C function. @throws SystemError when it returns a negative value */
export function libc(
  name: SymbolName,
  a?: CArgument,
  b?: CArgument,
  c?: CArgument,
  d?: CArgument,
  e?: CArgument,
  f?: CArgument,
): number {
  const result = runtime.c[name](a, b, c, d, e, f);
  if (result < 0) throw new SystemError(name, -result);
  return result;
}

/** The kernel fills netlink datagrams up to 32 KiB; the rest is room for one large message. */
export const SCRATCH_BYTES = 64 * 1024;

const buffer = new Uint8Array(SCRATCH_BYTES);

/**
 * The buffer for reading from sockets, files and stdin. Its content is valid until the next read of anything, so callers copy
 * it at once. One buffer for all of them spares a call the page faults of several.
 */
export function scratch(): Uint8Array {
  return buffer;
}
