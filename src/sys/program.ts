/** Running another program: with a deadline, nothing inherited that is not named, its output captured, so that nothing it leaves running keeps ours open. */

import { runtime } from '#runtime';
import type { Ended, ProgramCall } from './runtime.ts';
import { statPath } from './stat.ts';

/** As much as is read on stdin; a result has a few hundred. */
const MOST_BYTES = 4 * 1024 * 1024;

/** Runs it to its end, whatever that is. */
export function runProgram(call: ProgramCall): Ended {
  return runtime.run(call, MOST_BYTES);
}

/** The first file of that name in the directories. @returns undefined where there is none */
export function findProgram(name: string, directories: readonly string[]): string | undefined {
  return directories.map((directory) => `${directory}/${name}`).find((file) => statPath(file)?.isFile);
}

export type { Ended, ProgramCall };
