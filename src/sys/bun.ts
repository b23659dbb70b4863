/** The table of C functions through Bun's own FFI. */

import type { FFIFunction } from 'bun:ffi';
import type { CLibrary, CSignature } from './symbols.ts';
import { SYMBOLS } from './symbols.ts';

const ERRNO_LOCATION = { args: [], returns: 'ptr' } as const;

/** Opens `library` (a soname) and links every symbol of the table. */
export function openWithBun(library: string): CLibrary {
  const { dlopen, read } = nativeFfi() ?? (require('bun:ffi') as typeof import('bun:ffi'));
  const table: Record<string, FFIFunction> = { __errno_location: ERRNO_LOCATION };
  for (const [name, signature] of Object.entries(SYMBOLS)) table[name] = declare(signature);
  const opened = dlopen(library, table);
  if (opened instanceof Error) throw opened;
  const { symbols } = opened;
  const functions = symbols as unknown as Record<string, (...args: unknown[]) => number>;
  const location = functions.__errno_location as () => number;
  return {
    call: (name, ...args) => (functions[name] as (...args: unknown[]) => number)(...args),
    errno: () => read.i32(location() as never, 0),
  };
}

/**
 * What the module `bun:ffi` is made of: the same functions, except that `dlopen` returns its error. Evaluating the module
 * takes half a millisecond of every start. It is no documented interface, so the module stands in where it is missing.
 */
function nativeFfi(): Pick<typeof import('bun:ffi'), 'dlopen' | 'read'> | undefined {
  return (Bun as unknown as { FFI?: typeof import('bun:ffi') }).FFI;
}

/** `i64_fast` comes back as a number where it fits one, as every length does. */
function declare(signature: CSignature): FFIFunction {
  const returns = signature.returns === 'i64' ? 'i64_fast' : signature.returns;
  return { args: [...signature.args], returns } as FFIFunction;
}
