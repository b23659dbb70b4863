/** Where the program starts: with CNI_COMMAND set it is a plugin, else an operator's command line. */

import { runCommandLine } from './cli/command-line.ts';
import { readInput } from './cni/input.ts';
import { writeAll, writeIfPossible } from './cni/output.ts';
import { type Role, runPlugin } from './cni/plugin.ts';
import { exitNow } from './sys/exit.ts';

const IPAM_NAMES = ['trestle-ipam', 'host-local'];

/** The name it was started under says what it is to be; Node's own name comes first in its argument list. */
function programName(): string {
  const started = process.argv0.endsWith('node') ? (process.argv[1] ?? '') : process.argv0;
  const name = started.slice(started.lastIndexOf('/') + 1);
  return name.endsWith('.cjs') ? name.slice(0, -4) : name;
}

/** A runtime that forgot CNI_COMMAND set the other variables: it shall get an error object, not a help text. */
function isCalledByRuntime(): boolean {
  const { CNI_COMMAND, CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME } = process.env;
  return (CNI_COMMAND ?? CNI_CONTAINERID ?? CNI_NETNS ?? CNI_IFNAME) !== undefined;
}

function main(): number {
  const write = (text: string) => writeAll(1, text);
  const writeError = (text: string) => writeIfPossible(2, text);
  if (!isCalledByRuntime()) return runCommandLine(process.argv.slice(2), write, writeError);
  const role: Role = IPAM_NAMES.includes(programName()) ? 'ipam' : 'main';
  return runPlugin({ role, variables: process.env, readInput: () => readInput(0), write, writeError });
}

// Errors are told by their message; collecting stacks for those that are only caught would cost time.
if (!process.env.TRESTLE_STACK) Error.stackTraceLimit = 0;

exitNow(main());
