/** Bun as the runtime of src/, for tests that run within it: `#runtime` under the condition "bun" (package.json). */

import { dlopen, type FFIFunction, read } from 'bun:ffi';
import { node } from '../../src/sys/node.ts';
import type { CFunction, Runtime } from '../../src/sys/runtime.ts';
import { type CSignature, SYMBOLS, type SymbolName } from '../../src/sys/runtime.ts';

export const runtime: Runtime = { ...node, c: link() };

function link(): Runtime['c'] {
  const table: Record<string, FFIFunction> = { __errno_location: { args: [], returns: 'ptr' } };
  for (const [name, signature] of Object.entries(SYMBOLS)) table[name] = declare(signature);
  const symbols = dlopen('libc.so.6', table).symbols as unknown as Record<string, (...args: unknown[]) => number>;
  const errno = () => read.i32(symbols.__errno_location?.() as never, 0);
  const linked = Object.entries(SYMBOLS).map(([name, { args }]): [string, CFunction] => {
    const call = symbols[name] as (...args: unknown[]) => number;
    return [
      name,
      (...given) => {
        const result = Number(call(...given.slice(0, args.length)));
        return result < 0 ? -errno() : result;
      },
    ];
  });
  return Object.fromEntries(linked) as Record<SymbolName, CFunction>;
}

/** `i64_fast` comes back as a number where it fits one, as every length does. */
function declare({ args, returns }: CSignature): FFIFunction {
  return { args: [...args], returns: returns === 'i64' ? 'i64_fast' : returns } as FFIFunction;
}
