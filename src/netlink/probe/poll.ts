/** Waiting for several sockets at once (poll(2)). */

import { ignoring } from '../../attempt.ts';
import { EINTR } from '../../sys/errno.ts';
import { libc } from '../../sys/libc.ts';
import { putU32le } from '../bytes.ts';

/** Bytes of struct pollfd: i32 descriptor, i16 events, i16 what happened. */
const POLLFD = 8;
const POLLIN = 0x1;
const POLLOUT = 0x4;

export interface Polled {
  readonly fd: number;
  /** It waits to be written to, as a connection that is being made does; otherwise to be read from. */
  readonly isWriting: boolean;
}

/** Blocks until one of them is ready, or has an error. @returns those; none after `ms` milliseconds. @throws SystemError */
export function pollReady<T extends Polled>(waiting: readonly T[], ms: number): T[] {
  const bytes = new Uint8Array(waiting.length * POLLFD);
  for (const [at, { fd, isWriting }] of waiting.entries()) {
    putU32le(bytes, at * POLLFD, fd);
    bytes[at * POLLFD + 4] = isWriting ? POLLOUT : POLLIN;
  }
  const count = ignoring([EINTR], () => libc('poll', bytes, waiting.length, Math.max(0, Math.ceil(ms)))) ?? 0;
  return count === 0 ? [] : waiting.filter((_, at) => bytes[at * POLLFD + 6] !== 0);
}
