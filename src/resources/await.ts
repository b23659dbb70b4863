/** Waiting for the kernel, by its notifications. */

import { isKernelError } from '../netlink/error.ts';
import { decodeMessages, type Message } from '../netlink/message.ts';
import type { Watch } from '../netlink/socket.ts';
import { monotonicMs } from '../sys/clock.ts';
import { ENOBUFS } from '../sys/errno.ts';

/** A state of the kernel that is waited for. */
interface Awaited {
  /** Whether the state is reached now. @throws an error where it never will be */
  isReached(): boolean;
  /** Subscribes to notifications of what may bring the state about. */
  watch(): Watch;
  /** Whether a notification is a reason to look again. */
  matters(message: Message): boolean;
}

/**
 * Waits until the state is reached. Where it is not reached at once, it subscribes and looks again, then and after each
 * notification that matters. @returns false when it is not reached within `deadlineMs`. @throws KernelError, and what
 * `isReached` throws
 */
export function awaitNotified({ isReached, watch, matters }: Awaited, deadlineMs: number): boolean {
  if (isReached()) return true;
  const socket = watch();
  try {
    const end = monotonicMs() + deadlineMs;
    while (!isReached()) if (!hasNotified(socket, matters, end)) return false;
    return true;
  } finally {
    socket.close();
  }
}

/** Blocks until a notification that matters comes, or may have been lost. @returns false when none does in time */
function hasNotified(socket: Watch, matters: Awaited['matters'], end: number): boolean {
  for (let left = end - monotonicMs(); left > 0; left = end - monotonicMs()) {
    try {
      if (decodeMessages(socket.next(left) ?? new Uint8Array()).some(matters)) return true;
    } catch (error) {
      if (!isKernelError(error, ENOBUFS)) throw error;
      return true;
    }
  }
  return false;
}
