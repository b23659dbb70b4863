/** The operator's command line: what the program does when no runtime calls it. */

import {
  type ApplicationText,
  buildApplication,
  buildRouteMap,
  ExitCode,
  text_en as english,
  run,
} from '@stricli/core';
import { Fault, isOutOfMemory, reasonOf } from '../fault.ts';
import { createLog } from '../log.ts';
import { doctor } from './commands/doctor.ts';
import { list } from './commands/list.ts';
import { trace } from './commands/trace.ts';
import { type Context, Ended, FINDINGS, HEALTHY, MISUSE, type Terminal, type Variables } from './context.ts';
import { wrapped } from './output/wrap.ts';

declare const TRESTLE_VERSION: string | undefined;

/** The version of this build. */
export const VERSION = typeof TRESTLE_VERSION === 'undefined' ? 'unbuilt' : TRESTLE_VERSION;

const DESCRIPTION = `A CNI plugin that puts containers on a Linux bridge, and the commands for its operator. A container runtime runs it with CNI_COMMAND and a configuration on stdin. The commands are for root.

To try the plugin on a network namespace of yours:

  ip netns add demo
  echo '{"cniVersion":"1.0.0","name":"demo","type":"trestle","isDefaultGateway":true,
         "ipam":{"type":"trestle-ipam","subnet":"10.99.0.0/24"}}' |
    CNI_COMMAND=ADD CNI_CONTAINERID=demo CNI_NETNS=/run/netns/demo CNI_IFNAME=eth0 trestle`;

/** The commands by name; help, completion and the manual page are made from them. */
export const COMMANDS = { list, doctor, trace };

const root = buildRouteMap({
  routes: COMMANDS,
  docs: { brief: 'A CNI plugin that puts containers on a Linux bridge', fullDescription: wrapped(DESCRIPTION) },
});

const TEXT: ApplicationText = {
  ...english,
  exceptionWhileRunningCommand: (error) => complaint(error),
  commandErrorResult: (error) => (error instanceof Ended ? '' : complaint(error)),
  exceptionWhileParsingArguments(error, ansiColor) {
    return `trestle: ${english.exceptionWhileParsingArguments.call(this, error, ansiColor)}`;
  },
  noCommandRegisteredForInput: ({ input, corrections }) => {
    const [nearest] = corrections;
    const advice = nearest === undefined ? 'try trestle --help' : `did you mean ${nearest}?`;
    return `trestle: ${JSON.stringify(input)} is no command; ${advice}`;
  },
};

export const application = buildApplication<Context>(root, {
  name: 'trestle',
  versionInfo: { currentVersion: `trestle ${VERSION}` },
  scanner: { caseStyle: 'allow-kebab-for-camel', allowArgumentEscapeSequence: true },
  documentation: { caseStyle: 'convert-camel-to-kebab', disableAnsiColor: true },
  localization: { text: TEXT },
  determineExitCode: (error) => (error instanceof Ended ? error.status : statusOf(error)),
});

/** Carries out a command line. @returns the exit status, see `ExitStatus` */
export async function runCommandLine(
  args: readonly string[],
  terminal: Terminal,
  variables: Variables,
): Promise<number> {
  const streams: Context['process'] & { exitCode?: number | string | null } = {
    stdout: { write: terminal.write },
    // Ended commands have said all, and Stricli ends their text with a line of its own.
    stderr: { write: (said) => (said.trim() === '' ? undefined : terminal.complain(said)) },
  };
  const context: Context = { process: streams, terminal, variables, log: createLog(terminal.complain) };
  await run(application, args.length === 0 ? ['--help'] : args, context);
  const status = Number(streams.exitCode ?? 0);
  if (status === ExitCode.Success) return args.length === 0 ? MISUSE : HEALTHY;
  return status < 0 ? MISUSE : status;
}

function statusOf(error: unknown): number {
  return error instanceof Fault && error.kind === 'environment' ? MISUSE : FINDINGS;
}

/** The error for people: what, why, and what to do. */
function complaint(error: unknown): string {
  if (isOutOfMemory(error)) throw error;
  const details = error instanceof Fault && error.details !== undefined ? `\n${error.details}` : '';
  return `trestle: ${reasonOf(error)}${details}`;
}
