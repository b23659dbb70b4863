/** The start of the program: a runtime calls it as a plugin, an operator as a command. */

// Evaluated first, so that what a runtime's call uses lies together in the heap.
import './plugins/bridge/bridge-plugin.ts';
import './plugins/ipam/ipam-plugin.ts';
import { runCommandLine } from './cli/command-line.ts';
import type { Terminal } from './cli/context.ts';
import type { Variables } from './cni/environment.ts';
import { outOfMemory } from './cni/error.ts';
import { type Plugin, runPlugin } from './cni/plugin.ts';
import { readInput, writeAll, writeIfPossible, writeToReader } from './cni/stdio.ts';
import { LATEST_VERSION } from './cni/versions.ts';
import { isOutOfMemory } from './fault.ts';
import { runBridgeCommand } from './plugins/bridge/bridge-plugin.ts';
import { withIpamHost } from './plugins/bridge/host.ts';
import { ipamPlugin } from './plugins/ipam/ipam-plugin.ts';
import { OWN_IPAM } from './plugins/ipam/section.ts';
import { writeSome } from './sys/file.ts';
import { commandLine, environment, startWith } from './sys/process.ts';
import { isTerminal } from './sys/terminal.ts';
import { encodeUtf8 } from './sys/text.ts';

const runIpamCommand = ipamPlugin(withIpamHost);

/** The plugin that the name of the executable selects; `started` may be a path. */
function pluginNamed(started: string): Plugin {
  const name = started.slice(started.lastIndexOf('/') + 1);
  return OWN_IPAM.includes(name.endsWith('.cjs') ? name.slice(0, -4) : name) ? runIpamCommand : runBridgeCommand;
}

/**
 * Whether a runtime calls, which gives no arguments. One that sets other variables but not CNI_COMMAND gets an error object,
 * not a help text.
 */
function isCalledByRuntime(
  args: readonly string[],
  { CNI_COMMAND, CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME }: Variables,
): boolean {
  if (CNI_COMMAND !== undefined) return true;
  return args.length === 0 && (CNI_CONTAINERID ?? CNI_NETNS ?? CNI_IFNAME) !== undefined;
}

/** The error object for a call without memory, which could not make it: the build does. */
const OUT_OF_MEMORY = encodeUtf8(`${JSON.stringify(outOfMemory(LATEST_VERSION))}\n`);

function main(): number | Promise<number> {
  try {
    return run(environment());
  } catch (error) {
    if (!isOutOfMemory(error)) throw error;
    writeSome(1, OUT_OF_MEMORY);
    return 1;
  }
}

function run(variables: Variables): number | Promise<number> {
  // Collecting the stacks of errors takes time, and nothing shows them otherwise.
  Error.stackTraceLimit = variables.TRESTLE_STACK ? 10 : 0;
  const writeError = (text: string) => writeIfPossible(2, text);
  const { name, args } = commandLine();
  if (!isCalledByRuntime(args, variables)) return runCommandLine(args, terminal(variables, writeError), variables);
  const write = (text: string) => writeAll(1, text);
  return runPlugin({ plugin: pluginNamed(name), variables, readInput: () => readInput(0), write, writeError });
}

function terminal({ NO_COLOR }: Variables, complain: (text: string) => void): Terminal {
  return {
    write: (text) => writeToReader(1, text),
    complain,
    isColoured: (NO_COLOR ?? '') === '' && isTerminal(1),
  };
}

startWith(main);
