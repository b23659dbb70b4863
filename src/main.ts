/** Where the program starts: with CNI_COMMAND set it is a plugin, else an operator's command line. */

import { runCommandLine } from './cli/command-line.ts';
import type { Variables } from './cni/environment.ts';
import { readInput } from './cni/input.ts';
import { writeAll, writeIfPossible } from './cni/output.ts';
import { type Role, runPlugin } from './cni/plugin.ts';
import { commandLine, environment, startWith } from './sys/process.ts';

const IPAM_NAMES = ['trestle-ipam', 'host-local'];

/** The name it was started under says what it is to be. */
function roleOf(started: string): Role {
  const name = started.slice(started.lastIndexOf('/') + 1);
  return IPAM_NAMES.includes(name.endsWith('.cjs') ? name.slice(0, -4) : name) ? 'ipam' : 'main';
}

/** A runtime that forgot CNI_COMMAND set the other variables: it shall get an error object, not a help text. */
function isCalledByRuntime({ CNI_COMMAND, CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME }: Variables): boolean {
  return (CNI_COMMAND ?? CNI_CONTAINERID ?? CNI_NETNS ?? CNI_IFNAME) !== undefined;
}

function main(): number {
  const variables = environment();
  // Errors are told by their message; collecting stacks for those that are only caught would cost time.
  Error.stackTraceLimit = variables.TRESTLE_STACK ? 10 : 0;
  const write = (text: string) => writeAll(1, text);
  const writeError = (text: string) => writeIfPossible(2, text);
  const { name, args } = commandLine();
  if (!isCalledByRuntime(variables)) return runCommandLine(args, write, writeError);
  return runPlugin({ role: roleOf(name), variables, readInput: () => readInput(0), write, writeError });
}

startWith(main);
