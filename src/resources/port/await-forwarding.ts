/**
 * Waiting until the bridge forwards for a port. The kernel enables a port some time after its carrier came: when its link watch
 * gets the lock that every change of an interface takes (net/core/link_watch.c). Since Linux 6.8 a request for a link
 * brings that link up to date first (linkwatch_sync_dev), so there the first look finds the port forwarding.
 */

import { Fault } from '../../fault.ts';
import { execute } from '../../netlink/connection.ts';
import { isKernelError } from '../../netlink/error.ts';
import { decodeMessages } from '../../netlink/message.ts';
import { getLink } from '../../netlink/route/link.ts';
import { decodePortLook, isAboutLink, type PortState } from '../../netlink/route/port-state.ts';
import type { Watch } from '../../netlink/socket.ts';
import { monotonicMs } from '../../sys/clock.ts';
import { ENOBUFS, ENODEV } from '../../sys/errno.ts';
import { SystemError } from '../../sys/libc.ts';
import type { Node } from '../node.ts';

const DEADLINE_MS = 10_000;

/**
 * Returns when the port forwards; at once, with a warning, where a spanning tree protocol delays that by its timers (30 s).
 * @throws Fault `busy` when the port is still disabled after `deadlineMs`, or is no port any more; KernelError
 */
export function awaitForwarding(node: Node, name: string, deadlineMs = DEADLINE_MS): void {
  if (isDecided(node, look(node, name))) return;
  const watch = node.watchLinks();
  try {
    const end = monotonicMs() + deadlineMs;
    for (let port = look(node, name); !isDecided(node, port); port = look(node, name)) {
      if (!awaitChange(watch, port.index, end)) throw stillDisabled(name, deadlineMs);
    }
  } finally {
    watch.close();
  }
}

interface Port {
  readonly name: string;
  readonly index: number;
  readonly state: PortState;
}

function look({ route }: Node, name: string): Port {
  const { index, state } = decodePortLook(linkReply(route, name));
  if (state === undefined)
    throw new Fault('busy', `cannot use the port ${name}: something took it off its bridge`, AGAIN);
  return { name, index, state };
}

function linkReply(route: Node['route'], name: string): Uint8Array {
  try {
    return execute(route, getLink(name))[0]?.[0]?.payload ?? new Uint8Array();
  } catch (error) {
    if (!isKernelError(error, ENODEV)) throw error;
    throw new Fault('busy', `cannot use the port ${name}: it was removed as soon as it was made`, AGAIN);
  }
}

const AGAIN = { details: 'Try again.' };

/** Whether there is nothing to wait for. */
function isDecided({ log }: Node, { name, state }: Port): boolean {
  if (state === 'disabled') return false;
  if (state !== 'forwarding') {
    const until = 'until then the container cannot be reached, by default for 30 s';
    log('warn', `the spanning tree protocol has the bridge port ${name} ${state}: ${until}`);
  }
  return true;
}

/** Blocks until the link changes, or may have changed. @returns false when it does not in time */
function awaitChange(watch: Watch, index: number, end: number): boolean {
  for (let left = end - monotonicMs(); left > 0; left = end - monotonicMs()) {
    try {
      const notifications = decodeMessages(watch.next(left) ?? new Uint8Array());
      if (notifications.some((message) => isAboutLink(message, index))) return true;
    } catch (error) {
      if (!(error instanceof SystemError && error.errno === ENOBUFS)) throw error;
      return true; // so many notifications that some were lost
    }
  }
  return false;
}

function stillDisabled(name: string, ms: number): Fault {
  return new Fault('busy', `cannot use the port ${name}: the bridge does not forward for it after ${ms / 1000} s`, {
    details:
      'See that the bridge is up ("ip link") and that nothing disables the port ("bridge link"). Then try again.',
  });
}
