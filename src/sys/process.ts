/** This process, other processes, and running a program to its end. */

import { runtime } from '#runtime';
import { collecting, hasErrno } from '../attempt.ts';
import { readLink, statPath } from './directory.ts';
import { ESRCH } from './errno.ts';
import { readText } from './file.ts';
import { libc } from './libc.ts';
import type { Ended, ProgramCall } from './runtime.ts';

export type { Ended, ProgramCall };

/** The limit of each output, which is that of our own stdin. A result has a few hundred bytes. */
const MOST_BYTES = 4 * 1024 * 1024;

/** kill(2) by its number (asm/unistd.h). */
const SYS_KILL: Readonly<Record<string, number>> = { x64: 62, arm64: 129 };

export function processId(): number {
  return runtime.pid();
}

/** The effective user's ID. */
export function effectiveUser(): number {
  return runtime.effectiveUser();
}

/** All variables of the environment. */
export function environment(): Readonly<Record<string, string | undefined>> {
  return runtime.environment();
}

/** The name that the program was started under, and its arguments. */
export function commandLine(): { readonly name: string; readonly args: readonly string[] } {
  return { name: runtime.programName(), args: runtime.args() };
}

/** The directories of this program's executable, and of the file that it was started as: other commands may need it in PATH. */
export function ownDirectories(): string[] {
  const files = [runtime.programName()];
  collecting(() => files.push(readLink('/proc/self/exe')));
  return files.filter((file) => file.startsWith('/')).map((file) => file.slice(0, file.lastIndexOf('/')));
}

/** Registers `main`, which runs at each start of the program and returns the exit status. Nothing above can be asked before. */
export function startWith(main: () => number | Promise<number>): void {
  runtime.start(main);
}

/**
 * Runs a program to its end, with a deadline. It inherits nothing that the call does not name, and its output is captured: a
 * process that it leaves behind does not keep our stdout and stderr open.
 */
export function runProgram(call: ProgramCall): Ended {
  return runtime.run(call, MOST_BYTES);
}

/** The first file of that name in the directories. @returns undefined where there is none */
export function findProgram(name: string, directories: readonly string[]): string | undefined {
  return directories.map((directory) => `${directory}/${name}`).find((file) => statPath(file)?.isFile);
}

/**
 * Whether a process runs. It asks kill(2) with signal 0, since /proc may hide a process; every answer but ESRCH means that the
 * process exists. `start` is an earlier `startOf` of the process: where the start differs now, another process has the ID.
 */
export function isRunning(pid: number, start?: number): boolean {
  const number = SYS_KILL[runtime.arch];
  if (number === undefined) return true;
  const errors = collecting(() => libc('syscall', number, pid, 0, null, null, 0));
  if (hasErrno(errors[0], [ESRCH])) return false;
  const now = start === undefined ? undefined : startOf(pid);
  return now === undefined || now === start;
}

/** When a process started, in clock ticks since the boot (field 22 in proc_pid_stat(5)); undefined where it cannot be read. */
export function startOf(pid: number): number | undefined {
  let text = '';
  collecting(() => {
    text = readText(`/proc/${pid}/stat`);
  });
  // The second field is the command's name in parentheses, and may hold any character.
  const start = Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[19]);
  return Number.isSafeInteger(start) ? start : undefined;
}
