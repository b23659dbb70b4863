/** The kernel without nf_tables, and what it answers; whether it masquerades through nf_tables is asked by `canMasquerade`. */

import type { Connection } from '../../netlink/connection.ts';
import { isKernelError } from '../../netlink/error.ts';
import { EINVAL, EOPNOTSUPP, EPROTONOSUPPORT } from '../../sys/errno.ts';
import { SystemError } from '../../sys/libc.ts';
import { CANNOT_MASQUERADE } from '../masquerade/masquerade.ts';
import type { NodeKernel } from '../node.ts';

/** No nfnetlink (socket), or no nf_tables behind it: nfnetlink_rcv_msg and nfnetlink_rcv_batch say it differently. */
export const NO_NFTABLES: readonly number[] = [EPROTONOSUPPORT, EINVAL, EOPNOTSUPP];

/** Whether an error may come of a kernel that cannot do it: then it is worth asking. */
export function mayLackNftables(error: unknown): boolean {
  return (
    isKernelError(error, ...CANNOT_MASQUERADE) || (error instanceof SystemError && NO_NFTABLES.includes(error.errno))
  );
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
