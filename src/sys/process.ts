/** This process. */

import { runtime } from '#runtime';

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

/** Has `main` called when the program starts; it returns the exit status. Until then nothing of the above is known. */
export function startWith(main: () => number): void {
  runtime.start(main);
}
