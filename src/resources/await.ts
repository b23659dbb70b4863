/** Waiting for the kernel, by its notifications. */

import { isKernelError } from '../netlink/error.ts';
import { decodeMessages, type Message } from '../netlink/message.ts';
import type { Watch } from '../netlink/socket.ts';
import { monotonicMs } from '../sys/clock.ts';
import { ENOBUFS } from '../sys/errno.ts';

interface Awaited {
  /** Looks whether it is so. @throws what says that it never will be */
  isSo(): boolean;
  /** Subscribes to notifications of what may make it so. */
  watch(): Watch;
  /** Whether a notification is a reason to look again. */
  matters(message: Message): boolean;
}

/**
 * Looks; if it is not so, subscribes and looks again, now and after each notification that matters. @returns false when it is
 * not so within `deadlineMs`. @throws KernelError, and what `isSo` throws
 */
export function awaitNotified({ isSo, watch, matters }: Awaited, deadlineMs: number): boolean {
  if (isSo()) return true;
  const socket = watch();
  try {
    const end = monotonicMs() + deadlineMs;
    while (!isSo()) if (!hasNotified(socket, matters, end)) return false;
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
