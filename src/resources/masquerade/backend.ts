/** Masquerading through nftables or iptables, as the configuration says, or as the kernel has it. */

import type { Family } from '../../address/ip.ts';
import { Fault } from '../../fault.ts';
import { verifyUsable } from '../iptables/iptables.ts';
import { mayLackNftables, nftIfThere } from '../nftables/nftables.ts';
import type { NodeKernel } from '../node.ts';
import {
  addIptablesMasquerade,
  mayHaveIptablesChain,
  removeIptablesMasquerade,
  restoreIptablesMasquerade,
  verifyIptablesMasquerade,
} from './iptables.ts';
import {
  canMasquerade,
  ensureMasquerade,
  type Masqueraded,
  removeMasquerade,
  restoreMasquerade,
  verifyMasquerade,
} from './masquerade.ts';

/** `auto`: nftables where the kernel has it, otherwise iptables. */
export type Backend = 'nftables' | 'iptables' | 'auto';

/**
 * Masquerades the address. @returns false where somebody flushed what is around it, or nobody has made it yet: others, and
 * with iptables this one too, lack what they need then, see `restoreMasquerading`.
 * @throws Fault `unsupported` where the backend cannot be had, KernelError
 */
export function masquerade(node: NodeKernel, backend: Backend, entry: Masqueraded): boolean {
  return choose(node, backend, {
    nftables: () => ensureMasquerade(node.nft(), entry),
    iptables: () => addIptablesMasquerade(node, entry),
  });
}

/** Makes what is missing, for the entry and for others that are alive. @throws Fault, KernelError */
export function restoreMasquerading(
  node: NodeKernel,
  backend: Backend,
  entry: Masqueraded,
  live: readonly Masqueraded[],
): void {
  choose(node, backend, {
    nftables: () => restoreMasquerade(node.nft(), [entry, ...live]),
    iptables: () => restoreIptablesMasquerade(node, entry, live),
  });
}

/** @returns whether it was there. @throws KernelError, Fault */
export function unmasquerade(node: NodeKernel, backend: Backend, entry: Masqueraded): boolean {
  return choose(node, backend, {
    nftables: () => removeMasquerade(node.nft(), entry),
    iptables: () => mayHaveIptablesChain(node, entry) && removeIptablesMasquerade(node, entry),
  });
}

/** @throws Fault `check` where the address is not masqueraded */
export function verifyMasqueraded(node: NodeKernel, backend: Backend, entry: Masqueraded): void {
  choose(node, backend, {
    nftables: () => verifyMasquerade(node.nft(), entry),
    iptables: () => verifyIptablesMasquerade(node, entry),
  });
}

/** Whether an ADD could masquerade now, for STATUS. @throws Fault, KernelError */
export function verifyBackend(node: NodeKernel, backend: Backend, families: Iterable<Family>): void {
  if (backend !== 'iptables' && canUseNftables(node)) return;
  if (backend === 'nftables') throw withoutNftables();
  for (const family of families) verifyUsable(node, family, 'default');
}

function choose<T>(node: NodeKernel, backend: Backend, actions: { nftables: () => T; iptables: () => T }): T {
  if (backend === 'iptables') return actions.iptables();
  try {
    return actions.nftables();
  } catch (error) {
    if (!mayLackNftables(error) || canUseNftables(node)) throw error;
    if (backend === 'nftables') throw withoutNftables(error);
    return actions.iptables();
  }
}

/** @throws KernelError, SystemError where the kernel says something else than that it cannot */
function canUseNftables(node: NodeKernel): boolean {
  const connection = nftIfThere(node);
  return connection !== undefined && canMasquerade(connection);
}

function withoutNftables(cause?: unknown): Fault {
  return new Fault(
    'unsupported',
    'cannot masquerade through nftables: the kernel has no nf_tables, or none that masquerades',
    {
      cause,
      details:
        'Load the modules nf_tables, nft_masq and nft_nat, or leave "ipMasqBackend" out: then iptables is used where nftables is not.',
    },
  );
}
