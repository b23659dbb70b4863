/** Running command lines in a shell. */

import { usualDirectories } from '../../resources/iptables/iptables.ts';
import { ownDirectories, runProgram } from '../../sys/process.ts';

export interface Outcome {
  readonly succeeded: boolean;
  /** What the command line said, without line breaks at its end; or why it did not end. */
  readonly said: string;
}

const SHELL = '/bin/sh';
const DEADLINE_MS = 120_000;

/**
 * Runs a command line in the network namespace of this thread. `trestle` in it is this program, and the system's directories
 * are searched even where `searchPath`, a PATH, does not have them.
 */
export function runInShell(commandLine: string, searchPath: string): Outcome {
  const directories = [...ownDirectories(), ...searchPath.split(':'), ...usualDirectories()];
  const env = { PATH: [...new Set(directories)].filter((one) => one !== '').join(':') };
  const ended = runProgram({ file: SHELL, args: ['-c', commandLine], env, input: '', deadlineMs: DEADLINE_MS });
  const said = `${ended.stdout}${ended.stderr}`.trim();
  if (ended.succeeded) return { succeeded: true, said };
  const why = ended.timedOut ? `it did not end within ${DEADLINE_MS / 1000} s` : `status ${ended.status}`;
  return { succeeded: false, said: said === '' ? why : `${why}: ${said}` };
}
