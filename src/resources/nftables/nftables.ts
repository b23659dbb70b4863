/** The kernel without nf_tables, and what it answers; whether it masquerades through nf_tables is asked by `canMasquerade`. */

import type { Connection } from '../../netlink/connection.ts';
import { isKernelError } from '../../netlink/error.ts';
import { EAFNOSUPPORT, EINVAL, ENOENT, EOPNOTSUPP, EPROTONOSUPPORT } from '../../sys/errno.ts';
import { SystemError } from '../../sys/libc.ts';
import type { Node } from '../node.ts';

/** No nfnetlink (socket), or no nf_tables behind it: nfnetlink_rcv_msg and nfnetlink_rcv_batch say it differently. */
export const NO_NFTABLES: readonly number[] = [EPROTONOSUPPORT, EINVAL, EOPNOTSUPP];

/**
 * What a kernel answers that cannot masquerade through nf_tables: it has no nfnetlink, no nf_tables, not this family, or (ENOENT)
 * no such type of chain or expression. It may mean something else, too.
 */
export const CANNOT_MASQUERADE: readonly number[] = [EPROTONOSUPPORT, EINVAL, EOPNOTSUPP, EAFNOSUPPORT, ENOENT];

/** Whether an error may come of a kernel that cannot do it: then it is worth asking. */
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
