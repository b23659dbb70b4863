/** The network namespace at the other end of a veth. */

import { type Connection, execute } from '../../netlink/connection.ts';
import { isKernelError } from '../../netlink/error.ts';
import { NETNSA_NSID_NOT_ASSIGNED } from '../../netlink/route/constants.ts';
import type { Link } from '../../netlink/route/link.ts';
import { getNetns } from '../../netlink/route/netns.ts';
import { EINVAL, ENOENT } from '../../sys/errno.ts';

/**
 * Whether the kernel is taking that namespace away: nothing holds it any more, but its interfaces, and the veth with them, go
 * some milliseconds later (cleanup_net in net/core/net_namespace.c). The kernel numbers every namespace that something
 * holds. False for a kernel that cannot be asked. @throws KernelError
 */
export function hasDyingPeer(connection: Connection, { kind, peerNetns }: Link): boolean {
  if (kind !== 'veth' || peerNetns === undefined) return false;
  if (peerNetns === NETNSA_NSID_NOT_ASSIGNED) return true;
  try {
    execute(connection, getNetns(peerNetns));
    return false;
  } catch (error) {
    if (isKernelError(error, ENOENT)) return true;
    if (isKernelError(error, EINVAL)) return false;
    throw error;
  }
}
