/** Masquerading through nftables, over the node's nf_tables socket. */

import { Fault } from '../../fault.ts';
import { nftIfThere } from '../nftables/nftables.ts';
import type { Node } from '../node.ts';
import type { MasqueradeDriver } from './driver.ts';
import { canMasquerade, ensureMasquerade, removeMasquerade, verifyMasquerade } from './masquerade.ts';

export const nftDriver: MasqueradeDriver = {
  ensure: (node, entry, live) => void ensureMasquerade(node.nft(), entry, live),
  verify: (node, entry) => verifyMasquerade(node.nft(), entry),
  remove: (node, entry) => removeMasquerade(node.nft(), entry),
  able: (node) => (masqueradesByNftables(node) ? undefined : withoutNftables()),
};

/** Whether the kernel masquerades through nf_tables, see `canMasquerade`. @throws KernelError, SystemError where it says something else */
export function masqueradesByNftables(node: Node): boolean {
  const connection = nftIfThere(node);
  return connection !== undefined && canMasquerade(connection);
}

/** The kernel has no nf_tables, or lacks what masquerading needs of it: NAT for both families in one table (Linux 5.2), nft_masq. */
export function withoutNftables(cause?: unknown): Fault {
  const lack = 'the kernel has no nf_tables, or none that masquerades';
  return new Fault('unsupported', `cannot masquerade through nftables: ${lack}`, {
    cause,
    details:
      'Load the modules nf_tables, nft_chain_nat and nft_masq, or leave "ipMasqBackend" out: then iptables is used where nftables is not.',
  });
}
