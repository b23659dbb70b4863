/** Whether the kernel has nf_tables, and can do with it what is needed. */

import type { Connection } from '../../netlink/connection.ts';
import { isKernelError } from '../../netlink/error.ts';
import { EINVAL, EOPNOTSUPP, EPROTONOSUPPORT } from '../../sys/errno.ts';
import { SystemError } from '../../sys/libc.ts';
import { CANNOT_MASQUERADE, canMasquerade } from '../masquerade/masquerade.ts';
import type { NodeKernel } from '../node.ts';

/** No nfnetlink (socket), or no nf_tables behind it: nfnetlink_rcv_msg and nfnetlink_rcv_batch say it differently. */
export const NO_NFTABLES: readonly number[] = [EPROTONOSUPPORT, EINVAL, EOPNOTSUPP];

/** Whether an error may come of a kernel that cannot do it: then it is worth asking. */
export function mayLackNftables(error: unknown): boolean {
  return (
    isKernelError(error, ...CANNOT_MASQUERADE) || (error instanceof SystemError && NO_NFTABLES.includes(error.errno))
  );
}

/** Whether the kernel can masquerade through nf_tables. @throws KernelError, SystemError where it says something else */
export function hasNftables(node: NodeKernel): boolean {
  try {
    return canMasquerade(node.nft());
  } catch (error) {
    if (mayLackNftables(error)) return false;
    throw error;
  }
}

/** The nf_tables socket; undefined where the kernel has none. @throws SystemError */
export function nftIfThere(node: NodeKernel): Connection | undefined {
  try {
    return node.nft();
  } catch (error) {
    if (mayLackNftables(error)) return undefined;
    throw error;
  }
}
