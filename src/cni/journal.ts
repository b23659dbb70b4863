/** The log file of one call (key `log`): a line of JSON for each step, for each message, and for the end. */

import * as z from 'zod/mini';
import { reasonOf } from '../fault.ts';
import { isAtLeast, type Journal, LOG_LEVELS, type Log, type LogLevel, plainJournal, type Step } from '../log.ts';
import type { Parsed } from '../schema/explain.ts';
import { options, textOrNothing } from '../schema/net.ts';
import { monotonicMs } from '../sys/clock.ts';
import { appendLine, openLogFile } from '../sys/log-file.ts';
import { processId } from '../sys/process.ts';
import { type Environment, podName } from './environment.ts';
import type { CniError } from './error.ts';
import { tidyKeys } from './keys.ts';

const absolutePath = textOrNothing('an absolute path', (path) => (path.startsWith('/') ? path : undefined));

const level = textOrNothing(`a level; levels are ${LOG_LEVELS.join(', ')}`, (name) =>
  LOG_LEVELS.find((known) => known === name),
);

/** The key `log`. Without a file there is no log. */
export const logSchema = options({ file: absolutePath, level });

type LogSection = Parsed<typeof logSchema>;

export interface CallJournal extends Journal {
  /** Writes the end of the call, with what it printed. */
  succeeded(result: object | undefined): void;
  failed(error: CniError): void;
}

type Json = Readonly<Record<string, unknown>>;
/** Writes a line if its level is wanted. */
type Write = (level: LogLevel, content: Json) => void;

/**
 * The journal of a call. It is opened before the configuration is validated, so that the log has errors of the validation, too.
 * A file that cannot be written does not fail the call: `log` gets one warning, and the call continues without the file.
 */
export function openJournal(environment: Environment, json: Json, log: Log): CallJournal {
  const section = sectionOf(json);
  if (section?.file === undefined) return closedJournal(log);
  const write = writerFor(section.file, section.level ?? 'info', factsOf(environment, json), log);
  const startedMs = monotonicMs();
  write('debug', { msg: 'called', netns: environment.netns, args: environment.args, config: json });
  return {
    log: (level, msg) => {
      log(level, msg);
      write(level, { msg });
    },
    step: stepWith(write),
    succeeded: (result) => write('info', { msg: 'done', ms: msSince(startedMs), result }),
    failed: ({ code, msg, details }) =>
      write('error', { msg: 'failed', ms: msSince(startedMs), error: { code, msg, details } }),
  };
}

/** The journal of a call without a log file, and of every call before its configuration is read. */
export function closedJournal(log: Log): CallJournal {
  return { ...plainJournal(log), succeeded: nothing, failed: nothing };
}

function nothing(): void {
  // There is no log file.
}

/** Undefined where the section is absent or malformed; reading the whole configuration reports the latter. */
function sectionOf(json: Json): LogSection | undefined {
  const key = Object.keys(json).find((name) => name.toLowerCase() === 'log');
  if (key === undefined) return undefined;
  return z.safeParse(logSchema, tidyKeys(logSchema, json[key], nothing)).data;
}

/** The part of every line that identifies the call. */
function factsOf({ command, containerId, ifName, args, variables }: Environment, { name }: Json): Json {
  return {
    command,
    pid: processId(),
    containerID: containerId || undefined,
    ifname: ifName || undefined,
    network: typeof name === 'string' ? name : undefined,
    pod: podName(args),
    traceparent: variables.TRACEPARENT || undefined,
  };
}

function writerFor(file: string, threshold: LogLevel, facts: Json, log: Log): Write {
  let fd: number | undefined;
  let broken = false;
  return (level, content) => {
    if (broken || !isAtLeast(level, threshold)) return;
    try {
      fd ??= openLogFile(file);
      appendLine(fd, JSON.stringify({ time: new Date().toISOString(), level, ...facts, ...content }));
    } catch (error) {
      broken = true;
      log('warn', `cannot write the log ${file}: ${reasonOf(error)}; going on without it`);
    }
  };
}

function stepWith(write: Write): Step {
  return (step, action) => {
    const startedMs = monotonicMs();
    try {
      const result = action();
      write('info', { step, ms: msSince(startedMs) });
      return result;
    } catch (error) {
      write('error', { step, ms: msSince(startedMs), error: reasonOf(error) });
      throw error;
    }
  };
}

function msSince(startedMs: number): number {
  return Math.round((monotonicMs() - startedMs) * 1000) / 1000;
}
