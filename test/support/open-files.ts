/** How many files this process has open. */

import { readdirSync } from 'node:fs';

const SAME = 4;
const PAUSE_MS = 15;

/** Counted when it has stayed the same for a while: the runtime closes what was between it and a child a little late. */
export function openFiles(): number {
  let last = -1;
  for (let same = 0; same < SAME; ) {
    const now = readdirSync('/proc/self/fd').length;
    same = now === last ? same + 1 : 0;
    last = now;
    Bun.sleepSync(PAUSE_MS);
  }
  return last;
}
