/** JSON for scripts. */

import type { Terminal } from '../context.ts';

/** Writes a value as indented JSON. Keys whose value is undefined are left out. */
export function writeJson({ write }: Terminal, value: unknown): void {
  write(`${JSON.stringify(value, null, 2)}\n`);
}
