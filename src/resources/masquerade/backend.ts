/** Masquerading through nftables or iptables, as the configuration says, or as the kernel has it. */

import * as z from 'zod/mini';
import type { Cidr } from '../../address/cidr.ts';
import type { Family } from '../../address/ip.ts';
import { Fault } from '../../fault.ts';
import { DEFAULT_DATA_DIR } from '../../ipam/index.ts';
import { KernelError } from '../../netlink/error.ts';
import { cidr, list, object } from '../../schema/net.ts';
import { verifyUsable } from '../iptables/iptables.ts';
import { type AttachmentKey, ownerText } from '../names.ts';
import { hasNftables, mayLackNftables } from '../nftables/nftables.ts';
import type { Node } from '../node.ts';
import { removeOwned } from '../plan.ts';
import { findingOf, type Kind } from '../resource.ts';
import { takeBack } from '../take-back.ts';
import {
  addIptablesMasquerade,
  mayHaveIptablesChain,
  removeIptablesMasquerade,
  restoreIptablesMasquerade,
  verifyIptablesMasquerade,
} from './iptables.ts';
import {
  ensureMasquerade,
  isMasqueradeWhole,
  type Masqueraded,
  removeMasquerade,
  restoreMasquerade,
  verifyMasquerade,
} from './masquerade.ts';
import { findStrays } from './strays.ts';

export interface MasqueradeWanted extends AttachmentKey {
  readonly addresses: readonly Cidr[];
  readonly backend: Backend;
}

const text = z.string();
const BACKENDS = ['nftables', 'iptables', 'auto'] as const;

/** What leaves the subnet from the attachment's addresses is masqueraded. */
export const masqueradeKind: Kind<MasqueradeWanted> = {
  name: 'masquerade',
  schema: object(
    { network: text, containerId: text, ifName: text, addresses: list(cidr), backend: z.literal(BACKENDS) },
    { dataDir: text },
  ),
  ensure(node, wanted) {
    const { backend } = wanted;
    const made: Masqueraded[] = [];
    try {
      for (const entry of entriesOf(wanted)) {
        made.push(entry);
        if (!masquerade(node, backend, entry)) restoreNeighbours(node, backend, entry);
      }
    } catch (error) {
      // What the kernel refused is not there, unless an answer was lost; what a program of iptables failed at may be.
      const isRefused = error instanceof KernelError && node.nft().lost === 0;
      if (isRefused || (error instanceof Fault && error.kind === 'unsupported')) made.pop();
      for (const entry of made) {
        takeBack(node, `remove the masquerading of ${entry.owner}`, () => unmasquerade(node, backend, entry));
      }
      throw error;
    }
  },
  verify: (node, wanted) =>
    findingOf(() => {
      for (const entry of entriesOf(wanted)) verifyMasqueraded(node, wanted.backend, entry);
    }),
  remove(node, wanted) {
    const removed = entriesOf(wanted).map((entry) => unmasquerade(node, wanted.backend, entry));
    // What is not found there was made while the kernel had no nf_tables, or by the other flavour of iptables, or is gone.
    if (removed.includes(false)) removeStrays(node, wanted);
  },
  survey: findStrays,
  able(node, { backend, addresses }) {
    try {
      verifyBackend(node, backend, new Set(addresses.map(({ ip }) => ip.family)));
      return undefined;
    } catch (error) {
      if (error instanceof Fault) return error;
      throw error;
    }
  },
};

function entriesOf(wanted: MasqueradeWanted): Masqueraded[] {
  const owner = ownerText(wanted);
  return wanted.addresses.map((address) => ({ network: wanted.network, address, owner }));
}

function removeStrays(node: Node, wanted: MasqueradeWanted): void {
  const { network, containerId, ifName, dataDir = DEFAULT_DATA_DIR } = wanted;
  const strays = findStrays(node, { network, dataDir, containerId, ifName });
  const [failure] = removeOwned(strays, (one) => one.isOf(wanted));
  if (failure !== undefined) throw failure;
}

/** After a flush of the ruleset. What is deleted meanwhile is taken out again. */
function restoreNeighbours(node: Node, backend: Backend, entry: Masqueraded): void {
  const isAsked = backend === 'iptables';
  const neighbours = (node.neighbours?.() ?? []).map(({ wanted, isRecorded, isBeingMade }) => {
    // A rule of iptables would be there twice: the process that makes the attachment adds it, too.
    const isLeftOut = (isAsked || !hasNftables(node)) && isBeingMade();
    const same = isLeftOut ? [] : wanted(masqueradeKind).filter((one) => (one.backend === 'iptables') === isAsked);
    return { entries: same.flatMap(entriesOf), isRecorded };
  });
  restoreMasquerading(
    node,
    backend,
    entry,
    neighbours.flatMap(({ entries }) => entries),
  );
  for (const { entries, isRecorded } of neighbours) {
    if (entries.length > 0 && !isRecorded()) for (const one of entries) unmasquerade(node, backend, one);
  }
}

/** `auto`: nftables where the kernel has it, otherwise iptables. */
export type Backend = 'nftables' | 'iptables' | 'auto';

/**
 * Masquerades the address. @returns false where somebody flushed what is around it, or nobody has made it yet: others, and
 * with iptables this one too, lack what they need then, see `restoreMasquerading`.
 * @throws Fault `unsupported` where the backend cannot be had, KernelError
 */
export function masquerade(node: Node, backend: Backend, entry: Masqueraded): boolean {
  return choose(node, backend, {
    nftables: () => {
      ensureMasquerade(node.nft(), entry);
      return isMasqueradeWhole(node.nft(), entry);
    },
    iptables: () => addIptablesMasquerade(node, entry),
  });
}

/** Makes what is missing, for the entry and for others that are alive. @throws Fault, KernelError */
export function restoreMasquerading(
  node: Node,
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
export function unmasquerade(node: Node, backend: Backend, entry: Masqueraded): boolean {
  return choose(node, backend, {
    nftables: () => removeMasquerade(node.nft(), entry),
    iptables: () => mayHaveIptablesChain(node, entry) && removeIptablesMasquerade(node, entry),
  });
}

/** @throws Fault `check` where the address is not masqueraded */
export function verifyMasqueraded(node: Node, backend: Backend, entry: Masqueraded): void {
  choose(node, backend, {
    nftables: () => verifyMasquerade(node.nft(), entry),
    iptables: () => verifyIptablesMasquerade(node, entry),
  });
}

/** Whether an ADD could masquerade now, for STATUS. @throws Fault, KernelError */
export function verifyBackend(node: Node, backend: Backend, families: Iterable<Family>): void {
  if (backend !== 'iptables' && hasNftables(node)) return;
  if (backend === 'nftables') throw withoutNftables();
  for (const family of families) verifyUsable(node, family, 'default');
}

function choose<T>(node: Node, backend: Backend, actions: { nftables: () => T; iptables: () => T }): T {
  if (backend === 'iptables') return actions.iptables();
  try {
    return actions.nftables();
  } catch (error) {
    if (!mayLackNftables(error) || hasNftables(node)) throw error;
    if (backend === 'nftables') throw withoutNftables(error);
    return actions.iptables();
  }
}

function withoutNftables(cause?: unknown): Fault {
  return new Fault('unsupported', 'cannot masquerade through nftables: the kernel has no nf_tables', {
    cause,
    details:
      'Load the modules nf_tables, nft_masq and nft_nat, or leave "ipMasqBackend" out: then iptables is used where nftables is not.',
  });
}
