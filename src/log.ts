/** What the program says beside its result: a line to standard error, or wherever the caller points it. */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export type Log = (level: LogLevel, message: string) => void;

const ORDER: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/** A log that writes one line a message through `write`, from `threshold` up. */
export function createLog(write: (line: string) => void, threshold: LogLevel = 'warn'): Log {
  return (level, message) => {
    if (ORDER[level] >= ORDER[threshold]) write(`trestle: ${level}: ${message}\n`);
  };
}

/** For callers that have nobody to tell. */
export const silentLog: Log = () => undefined;
