/**
 * A bridge hands frames to some of the link-local group addresses (LLDP's 01:80:c2:00:00:0e) to the node before any
 * packet filter sees them, and learns from them who is where (br_handle_frame in the kernel's net/bridge/br_input.c). With
 * the MAC guard it must not.
 */

import { Fault } from '../../fault.ts';
import { type Connection, execute } from '../../netlink/connection.ts';
import { decodeLinkLocalLearning, stopLinkLocalLearning } from '../../netlink/route/bridge-option.ts';
import { getLink } from '../../netlink/route/link.ts';

/** @throws KernelError */
export function ensureNoLinkLocalLearning(connection: Connection, index: number): void {
  execute(connection, stopLinkLocalLearning(index));
}

/** @throws Fault `check` where the bridge learns from such frames, KernelError */
export function verifyNoLinkLocalLearning(connection: Connection, bridge: string): void {
  const reply = execute(connection, getLink(bridge))[0]?.[0];
  if (reply !== undefined && !decodeLinkLocalLearning(reply.payload)) return;
  throw new Fault(
    'check',
    `the bridge ${bridge} learns MACs from link-local frames, which the MAC guard does not see`,
    {
      details: `"ip link set ${bridge} type bridge no_linklocal_learn 1" stops it, and so does the next ADD on this network.`,
    },
  );
}
