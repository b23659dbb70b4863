/**
 * Waiting until the bridge forwards for a port. The kernel enables a port some time after its carrier came: when the
 * kernel's link watch gets the lock that every change of an interface takes (net/core/link_watch.c). Since Linux 6.8 a
 * request for a link brings that link up to date first (linkwatch_sync_dev), so there the first look finds the port
 * forwarding.
 */

import { Fault } from '../../fault.ts';
import { execute } from '../../netlink/connection.ts';
import { isKernelError } from '../../netlink/error.ts';
import { decodePortLook, isAboutLink, type PortState } from '../../netlink/route/bridge.ts';
import { getLink } from '../../netlink/route/link.ts';
import { ENODEV } from '../../sys/errno.ts';
import { awaitNotified } from '../await.ts';
import type { Node } from '../node.ts';

const DEADLINE_MS = 10_000;

const AGAIN = { details: 'Try again.' };

interface Port {
  readonly index: number;
  readonly state: PortState;
}

/**
 * Returns when the port forwards; at once, with a warning, where the timers of a spanning tree protocol delay that (30 s).
 * @throws Fault `busy` when the port is still disabled after `deadlineMs`, or is no port any more; KernelError
 */
export function awaitForwarding(node: Node, name: string, deadlineMs = DEADLINE_MS): void {
  let port: Port | undefined;
  const isDecided = () => {
    port = look(node, name);
    return port.state !== 'disabled';
  };
  const isOurs = (message: Parameters<typeof isAboutLink>[0]) => isAboutLink(message, port?.index ?? 0);
  const forwards = { isReached: isDecided, watch: node.watchLinks, matters: isOurs };
  if (!awaitNotified(forwards, deadlineMs)) throw stillDisabled(name, deadlineMs);
  if (port !== undefined && port.state !== 'forwarding') warnOfSpanningTree(node, name, port.state);
}

/** The state of the port. @throws Fault `busy` where it is no port any more, KernelError */
function look({ route }: Node, name: string): Port {
  const { index, state } = decodePortLook(linkReply(route, name));
  if (state !== undefined) return { index, state };
  throw new Fault('busy', `cannot use the port ${name}: something took it off its bridge`, AGAIN);
}

function linkReply(route: Node['route'], name: string): Uint8Array {
  try {
    return execute(route, getLink(name))[0]?.[0]?.payload ?? new Uint8Array();
  } catch (error) {
    if (!isKernelError(error, ENODEV)) throw error;
    throw new Fault('busy', `cannot use the port ${name}: it was removed as soon as it was made`, AGAIN);
  }
}

function warnOfSpanningTree({ log }: Node, name: string, state: PortState): void {
  const until = 'until then the container cannot be reached, by default for 30 s';
  log('warn', `the spanning tree protocol has the bridge port ${name} ${state}: ${until}`);
}

function stillDisabled(name: string, ms: number): Fault {
  return new Fault('busy', `cannot use the port ${name}: the bridge does not forward for it after ${ms / 1000} s`, {
    details:
      'See that the bridge is up ("ip link") and that nothing disables the port ("bridge link"). Then try again.',
  });
}
