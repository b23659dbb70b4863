/** Writing to stdout and stderr. */

import { writeSync } from 'node:fs';
import { errorCode } from '../fault.ts';
import { sleepMs } from '../sys/clock.ts';

/** All of it, also to a pipe that is full and does not block. */
export function writeAll(fd: number, text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      if (errorCode(error) === 'EPIPE') return;
      if (errorCode(error) !== 'EAGAIN') throw error;
      sleepMs(1);
    }
  }
}
