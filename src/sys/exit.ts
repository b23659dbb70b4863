/** The end of the process. */

import { isLibraryOpen, libc } from './libc.ts';

/**
 * Ends the process at once. Everything is written synchronously here, so nothing waits to be flushed; where the C library
 * is open already, its _exit spares the millisecond that the engine takes to tidy up memory that goes away anyhow.
 */
export function exitNow(status: number): never {
  if (isLibraryOpen()) libc('_exit', status);
  process.exit(status);
}
