/** The C library of this process. */

import { runtime } from '#runtime';
import { errnoName, errnoText } from './errno.ts';
import type { CArgument } from './runtime.ts';
import type { SymbolName } from './symbols.ts';

/** What a system call that failed throws: `errno` is positive, as in errno.h. */
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

/** Calls a C function. @throws SystemError when it returns a negative value. */
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
