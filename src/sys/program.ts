/** Running another program: with a deadline, nothing inherited that is not named, its output captured, so that nothing it leaves running keeps ours open. */

import { statPath } from './stat.ts';

export interface ProgramCall {
  /** The path of the executable; nothing is looked up, and no shell is between. */
  readonly file: string;
  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly input: string;
  readonly deadlineMs: number;
}

/** As much as is read on stdin; a result has a few hundred. */
const MOST_BYTES = 4 * 1024 * 1024;

export interface Ended {
  readonly succeeded: boolean;
  readonly started: boolean;
  /** It did not end in time, and was killed. */
  readonly timedOut: boolean;
  /** The exit status, or what ended it (a signal, or saying too much), or why it did not start. */
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs it to its end, whatever that is. */
export function runProgram({ file, args, env, input, deadlineMs }: ProgramCall): Ended {
  // Loaded here, since it takes 15 ms of start-up that a call without another program does not need.
  const { execaSync } = require('execa') as typeof import('execa');
  const ran = execaSync(file, args, {
    env,
    extendEnv: false,
    input,
    stripFinalNewline: false,
    timeout: deadlineMs,
    maxBuffer: MOST_BYTES,
    killSignal: 'SIGKILL',
    reject: false,
  });
  return {
    succeeded: !ran.failed,
    started: ran.signal !== undefined || ran.exitCode !== undefined,
    timedOut: ran.timedOut,
    status: ran.isMaxBuffer
      ? `saying more than ${MOST_BYTES} bytes`
      : (ran.signal ?? ran.exitCode ?? ran.code ?? 'an unknown cause'),
    stdout: ran.stdout ?? '',
    stderr: ran.stderr ?? '',
  };
}

/** The first file of that name in the directories. @returns undefined where there is none */
export function findProgram(name: string, directories: readonly string[]): string | undefined {
  return directories.map((directory) => `${directory}/${name}`).find((file) => statPath(file)?.isFile);
}
