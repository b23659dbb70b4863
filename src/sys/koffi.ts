/** The table of C functions through koffi, for Node. */

import { type CLibrary, type CType, SYMBOLS } from './symbols.ts';

const TYPE_NAMES: Record<CType, string> = { i32: 'int32', u32: 'uint32', i64: 'int64', u64: 'uint64', ptr: 'void *' };

/**
 * Opens `library` (a soname) and links every symbol of the table. koffi is looked up beside the bundle.
 * @throws Error when koffi is not installed there.
 */
export function openWithKoffi(library: string): CLibrary {
  const koffi = require('koffi') as typeof import('koffi');
  const opened = koffi.load(library);
  const functions: Record<string, (...args: unknown[]) => number> = {};
  for (const [name, { args, returns }] of Object.entries(SYMBOLS)) {
    const types = args.map((type) => TYPE_NAMES[type]);
    functions[name] = opened.func(name, TYPE_NAMES[returns], types) as (...args: unknown[]) => number;
  }
  return {
    call: (name, ...args) => (functions[name] as (...args: unknown[]) => number)(...args),
    errno: () => koffi.errno(),
  };
}
