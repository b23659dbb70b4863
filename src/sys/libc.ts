/** The C library of this process. The one place that knows which JavaScript runtime it is on. */

import { Fault, reasonOf } from '../fault.ts';
import { openWithBun } from './bun.ts';
import { errnoName, errnoText } from './errno.ts';
import { openWithKoffi } from './koffi.ts';
import type { CLibrary, SymbolName } from './symbols.ts';

const SONAME = 'libc.so.6';
let opened: CLibrary | undefined;

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
export function libc(name: SymbolName, ...args: (number | Uint8Array | null)[]): number {
  opened ??= openLibrary();
  const result = Number(opened.call(name, ...args));
  if (result < 0) throw new SystemError(name, opened.errno());
  return result;
}

/** Whether a C function has been called yet. */
export function isLibraryOpen(): boolean {
  return opened !== undefined;
}

function openLibrary(): CLibrary {
  try {
    return process.versions.bun === undefined ? openWithKoffi(SONAME) : openWithBun(SONAME);
  } catch (cause) {
    const details = 'Under Node, the koffi package must be installed beside trestle.cjs (npm install koffi).';
    throw new Fault('internal', `cannot call the C library: ${reasonOf(cause)}`, { cause, details });
  }
}
