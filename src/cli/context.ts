/** What a command of the operator's command line works with. */

import type { CommandContext, Command as StricliCommand, TypedCommandParameters } from '@stricli/core';
import { buildCommand } from '@stricli/core';
import { Fault } from '../fault.ts';
import type { Log } from '../log.ts';
import { wrapped } from './output/wrap.ts';

/** The variables of the environment. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** Where a command writes, and what it knows of its reader. */
export interface Terminal {
  /** Writes to standard output. */
  write(text: string): void;
  /** Writes to standard error. */
  complain(text: string): void;
  /** Standard output is a terminal, and NO_COLOR is not set. */
  readonly isColoured: boolean;
}

export interface Context extends CommandContext {
  readonly terminal: Terminal;
  readonly variables: Variables;
  /** Warnings and errors go to standard error. */
  readonly log: Log;
}

/** The exit statuses of every command; docs/operating.md has them for scripts. */
export const HEALTHY = 0;
/** The command found something, or failed. */
export const FINDINGS = 1;
/** The command line is not understood, or names something that is not there. */
export const MISUSE = 2;

export type ExitStatus = typeof HEALTHY | typeof FINDINGS | typeof MISUSE;

/** A command of the command line, with the source of its help, completion and manual page. */
export type Command = StricliCommand<Context>;

type AnyFlags<Flags> = Readonly<Partial<Record<keyof Flags, unknown>>>;

interface Description<Flags extends AnyFlags<Flags>, Args extends readonly unknown[]> {
  /** One line, an imperative sentence without a full stop. */
  readonly brief: string;
  /** What the command does, for its help and the manual page. */
  readonly description: string;
  readonly parameters: TypedCommandParameters<Flags, Args, Context>;
  /** @returns the exit status. @throws Fault, which the command line reports with the status 1; with 2 that of `misuse` */
  run(context: Context, flags: Flags, ...args: Args): ExitStatus;
}

/** Makes a command from its description. */
export function defineCommand<const Flags extends AnyFlags<Flags>, const Args extends readonly unknown[] = []>({
  brief,
  description,
  parameters,
  run,
}: Description<Flags, Args>): Command {
  return buildCommand<Flags, Args, Context>({
    docs: { brief, fullDescription: wrapped(description) },
    parameters,
    func(this: Context, flags: Flags, ...args: Args) {
      const status = run(this, flags, ...args);
      return status === HEALTHY ? undefined : new Ended(status);
    },
  } as Parameters<typeof buildCommand<Flags, Args, Context>>[0]);
}

/** The end of a command that has said all there is to say, with another exit status than 0. */
export class Ended extends Error {
  readonly status: ExitStatus;

  constructor(status: ExitStatus) {
    super('');
    this.status = status;
  }
}

/** A command line that is understood, but asks for something that does not exist. */
export function misuse(message: string, details?: string): Fault {
  return new Fault('environment', message, details === undefined ? {} : { details });
}
