/** What the program says beside its result: a line to standard error, and a log of its steps where one is kept. */

import { plainText } from './fault.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type Log = (level: LogLevel, message: string) => void;

/** Runs one step of a call. Where a log is kept, the log gets the duration of the step, and the error of one that fails. */
export type Step = <T>(name: string, action: () => T) => T;

/** What one call reports while it runs: messages, and its steps. */
export interface Journal {
  readonly log: Log;
  readonly step: Step;
}

export function isAtLeast(level: LogLevel, threshold: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(threshold);
}

/** A log that writes one line a message through `write`, from `threshold` up. */
export function createLog(write: (line: string) => void, threshold: LogLevel = 'warn'): Log {
  return (level, message) => {
    if (isAtLeast(level, threshold)) write(`trestle: ${level}: ${plainText(message)}\n`);
  };
}

/** A log that drops every message. */
export const silentLog: Log = () => undefined;

/** A journal that logs messages and keeps no steps. */
export function plainJournal(log: Log): Journal {
  return { log, step: (_, action) => action() };
}
