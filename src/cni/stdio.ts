/** The streams of a call: the JSON object on stdin, and writing to stdout and stderr. */

import { errorCode, Fault, isOutOfMemory, reasonOf } from '../fault.ts';
import { describe } from '../schema/explain.ts';
import { isObject, parseJson } from '../schema/json.ts';
import { describeJsonFlaw } from '../schema/json-flaw.ts';
import { sleepMs } from '../sys/clock.ts';
import { readInto, writeSome } from '../sys/file.ts';
import { scratch } from '../sys/libc.ts';
import { decodePieces, encodeUtf8 } from '../sys/text.ts';

/** The content of stdin: the text, and the object in it. */
export interface Input {
  readonly text: string;
  readonly json: Record<string, unknown>;
}

/** The most bytes of stdin: a GC for 20,000 attachments is about 3 MB, a configuration about 1 kB. */
const MOST_BYTES = 4 * 1024 * 1024;

/** Reads `fd` to its end. @throws Fault `io` when it cannot be read, `decode` when it is too long */
export function readInput(fd: number): string {
  const buffer = scratch();
  const pieces: Uint8Array[] = [];
  let total = 0;
  for (let length = readChunk(fd, buffer); length > 0; length = readChunk(fd, buffer)) {
    total += length;
    if (total > MOST_BYTES) {
      throw new Fault('decode', `cannot read the configuration: it is longer than ${MOST_BYTES} bytes`);
    }
    pieces.push(buffer.slice(0, length));
  }
  return decodePieces(pieces, total);
}

/** The configuration. @throws Fault `decode` unless the text is one JSON object */
export function parseInput(text: string): Record<string, unknown> {
  if (text.trim() === '') throw new Fault('decode', 'cannot read the configuration: stdin is empty');
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (cause) {
    if (isOutOfMemory(cause)) throw cause;
    const reason = describeJsonFlaw(text) ?? shortened(reasonOf(cause));
    throw new Fault('decode', `cannot read the configuration: stdin is not JSON: ${reason}`, { cause });
  }
  if (isObject(value)) return value;
  throw new Fault(
    'decode',
    `cannot read the configuration: stdin is ${describe(value ?? null)}, expected a JSON object`,
  );
}

/**
 * Writes all of the text; waits where a non-blocking pipe is full. @throws SystemError, EPIPE where the reader has closed it
 */
export function writeAll(fd: number, text: string): void {
  for (let rest = encodeUtf8(text); rest.length > 0; ) {
    try {
      rest = rest.subarray(writeSome(fd, rest));
    } catch (error) {
      if (errorCode(error) !== 'EAGAIN') throw error;
      sleepMs(1);
    }
  }
}

/** Writes all of the text for a person at a terminal. EPIPE is no error there: the pager may have ended. @throws SystemError */
export function writeToReader(fd: number, text: string): void {
  try {
    writeAll(fd, text);
  } catch (error) {
    if (errorCode(error) !== 'EPIPE') throw error;
  }
}

/** Writes all of the text, and ignores every error: for messages, which are not worth failing for. */
export function writeIfPossible(fd: number, text: string): void {
  try {
    writeAll(fd, text);
  } catch {
    // A message that cannot be written cannot be reported either.
  }
}

/** Reads what there is. Where the runtime gave us a non-blocking pipe, it waits as a blocking one would. @throws Fault `io` */
function readChunk(fd: number, buffer: Uint8Array): number {
  for (;;) {
    try {
      return readInto(fd, buffer);
    } catch (cause) {
      if (errorCode(cause) !== 'EAGAIN') {
        throw new Fault('io', `cannot read the configuration from stdin: ${reasonOf(cause)}`, { cause });
      }
      sleepMs(1);
    }
  }
}

/** The engine's reason for JSON that it cannot hold (nested too deep); some engines quote the whole text. */
function shortened(reason: string): string {
  return reason.length > 200 ? `${reason.slice(0, 199)}…` : reason;
}
