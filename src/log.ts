/** What the program says beside its result: a line to standard error, and a log of its steps where one is kept. */

import { plainText } from './fault.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type Log = (level: LogLevel, message: string) => void;

/** Does one step of a call. Where a log is kept, it says how long that took, and why it failed if it did. */
export type Step = <T>(name: string, action: () => T) => T;

/** What one call says while it goes on. */
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

/** For callers that have nobody to tell. */
export const silentLog: Log = () => undefined;

/** The journal of a call whose steps nobody keeps. */
export function plainJournal(log: Log): Journal {
  return { log, step: (_, action) => action() };
}
