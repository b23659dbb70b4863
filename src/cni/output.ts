/** Writing to stdout and stderr. SIGPIPE is ignored (engine/src/snapshot.rs; Node does so too), so a closed pipe is an error. */

import { errorCode } from '../fault.ts';
import { sleepMs } from '../sys/clock.ts';
import { writeSome } from '../sys/file.ts';
import { encodeUtf8 } from '../sys/text.ts';

/** Writes all of the text; waits where a non-blocking pipe is full. @throws SystemError, EPIPE where the reader has closed it */
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

/** The same for a person at a terminal, whose pager may have ended: EPIPE is no error there. */
export function writeToReader(fd: number, text: string): void {
  try {
    writeAll(fd, text);
  } catch (error) {
    if (errorCode(error) !== 'EPIPE') throw error;
  }
}

/** The same for messages that are not worth failing for. */
export function writeIfPossible(fd: number, text: string): void {
  try {
    writeAll(fd, text);
  } catch {
    // A message that cannot be written cannot be reported either.
  }
}
