/** Kernels without nf_tables, and what they answer. `canMasquerade` asks whether a kernel masquerades through nf_tables. */

import type { Connection } from '../../netlink/connection.ts';
import { isKernelError } from '../../netlink/error.ts';
import { EAFNOSUPPORT, EINVAL, ENOENT, EOPNOTSUPP, EPROTONOSUPPORT } from '../../sys/errno.ts';
import { SystemError } from '../../sys/libc.ts';
import type { Node } from '../node.ts';

/**
 * The errors of a kernel without nfnetlink (socket), or without nf_tables behind it: nfnetlink_rcv_msg and nfnetlink_rcv_batch
 * give different ones.
 */
export const NO_NFTABLES: readonly number[] = [EPROTONOSUPPORT, EINVAL, EOPNOTSUPP];

/**
 * The errors of a kernel that cannot masquerade through nf_tables: it has no nfnetlink, no nf_tables, not this family, or
 * (ENOENT) no such type of chain or expression. They may mean something else, too.
 */
export const CANNOT_MASQUERADE: readonly number[] = [EPROTONOSUPPORT, EINVAL, EOPNOTSUPP, EAFNOSUPPORT, ENOENT];

/** Whether an error may come from a kernel that lacks what is needed, so that asking the kernel is worth while. */
export function mayLackNftables(error: unknown): boolean {
  return (
    isKernelError(error, ...CANNOT_MASQUERADE) || (error instanceof SystemError && NO_NFTABLES.includes(error.errno))
  );
}

/** The nf_tables socket; undefined where the kernel has none. @throws SystemError */
export function nftIfThere(node: Node): Connection | undefined {
  try {
    return node.nft();
  } catch (error) {
    if (mayLackNftables(error)) return undefined;
    throw error;
  }
}
