// The stopwatch: a C program that starts a plugin as container runtimes do, and notes time, processor time and memory. Node's
// own way of starting a program would add a millisecond or two to each.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from './compile.mjs';

/**
 * Compiles it, once for each scratch directory.
 * @returns `around(plugin, count, first)`, the plugin as a runtime is to start it, and `read()`, what was noted of the last
 *   call: `{ ms, processorMs, peakMiB, failed }`
 */
export function openStopwatch({ directory }) {
  const file = compile('stopwatch', directory);
  const notes = join(directory, 'stopwatch.txt');
  return {
    around: (plugin, count = 1, first = 0) => ({
      ...plugin,
      file,
      args: [notes, first, count, plugin.file, ...(plugin.args ?? [])].map(String),
    }),
    read: () => {
      const [nanoseconds, user, kernel, peak, failed] = readFileSync(notes, 'utf8').trim().split(' ').map(Number);
      return { ms: nanoseconds / 1e6, processorMs: (user + kernel) / 1e3, peakMiB: peak / 1024, failed };
    },
  };
}
