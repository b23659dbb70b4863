/** Writing to stdout and stderr. */

import { errorCode } from '../fault.ts';
import { sleepMs } from '../sys/clock.ts';
import { writeSome } from '../sys/file.ts';
import { encodeUtf8 } from '../sys/text.ts';

/** All of it, also to a pipe that is full and does not block. Where nobody reads any more, nobody is told. */
export function writeAll(fd: number, text: string): void {
  for (let rest = encodeUtf8(text); rest.length > 0; ) {
    try {
      rest = rest.subarray(writeSome(fd, rest));
    } catch (error) {
      if (errorCode(error) === 'EPIPE') return;
      if (errorCode(error) !== 'EAGAIN') throw error;
      sleepMs(1);
    }
  }
}

/** The same for what is not worth failing for. */
export function writeIfPossible(fd: number, text: string): void {
  try {
    writeAll(fd, text);
  } catch {
    // There is nobody left to tell.
  }
}
