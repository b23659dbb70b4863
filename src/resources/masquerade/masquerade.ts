/** Masquerading as a resource, through nftables or iptables: as the configuration says, or as the kernel allows. */

import * as z from 'zod/mini';
import type { Cidr } from '../../address/cidr.ts';
import { Fault } from '../../fault.ts';
import { DEFAULT_DATA_DIR } from '../../ipam/index.ts';
import { KernelError } from '../../netlink/error.ts';
import { cidr, list, object } from '../../schema/net.ts';
import { type AttachmentKey, ownerText } from '../names.ts';
import { mayLackNftables } from '../nftables/nftables.ts';
import { type Node, neighboursToRestore, suspectsOf, takeBack } from '../node.ts';
import { removeOwned } from '../plan.ts';
import { findingOf, type Kind, limitOf } from '../resource.ts';
import type { MasqueradeDriver, Masqueraded } from './driver.ts';
import { iptablesDriver } from './iptables.ts';
import {
  masqueradesByNftables,
  mendMasqueradeRules,
  nftDriver,
  restoreMasquerade,
  withoutNftables,
} from './nftables.ts';
import { findStrays } from './strays.ts';

/** `auto`: nftables where the kernel can masquerade through nf_tables, otherwise iptables. */
export type Backend = 'nftables' | 'iptables' | 'auto';

interface MasqueradeWanted extends AttachmentKey {
  readonly addresses: readonly Cidr[];
  readonly backend: Backend;
}

const text = z.string();
const BACKENDS = ['nftables', 'iptables', 'auto'] as const;

/** A neighbour whose masquerading was restored. */
interface RestoredNeighbour {
  readonly entries: readonly Masqueraded[];
  isStaying(): boolean;
}

/** Masquerades packets that leave the subnet from the attachment's addresses. */
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
        const neighbours: RestoredNeighbour[] = [];
        choose(node, backend, (driver) => driver.ensure(node, entry, () => liveEntries(node, backend, neighbours)));
        removeDeleted(node, backend, neighbours);
      }
    } catch (error) {
      // What the kernel refused was not made, unless an answer was lost. What a program of iptables failed at may have been
      // made.
      const isRefused = error instanceof KernelError && node.nft().lost === 0;
      if (isRefused || (error instanceof Fault && error.kind === 'unsupported')) made.pop();
      for (const entry of made) {
        takeBack(node, `remove the masquerading of ${entry.owner}`, () => removeEntry(node, backend, entry));
      }
      throw error;
    }
  },
  verify(node, { backend, ...wanted }) {
    for (const entry of entriesOf(wanted)) {
      const finding = findMissing(node, backend, entry);
      if (finding !== undefined) return finding;
    }
    return undefined;
  },
  remove(node, wanted) {
    const removed = entriesOf(wanted).map((entry) => removeEntry(node, wanted.backend, entry));
    // An entry that is not found was made by the other backend or flavour of iptables, or is gone.
    if (removed.includes(false)) removeStrays(node, wanted);
  },
  survey: findStrays,
  mend(node, wanted) {
    if (wanted.backend === 'iptables') return;
    const owners = [ownerText(wanted), ...(node.owners?.() ?? [])];
    const entries = entriesOf(wanted);
    const missing = missingOwners(node, nftDriver, entries, owners);
    // The attachment's own elements have just been made: if they are missing, iptables masquerades.
    if (missing.has(ownerText(wanted))) return;
    for (const entry of entries) mendMasqueradeRules(node.nft(), entry);
    if (missing.size === 0) return;
    const restored: RestoredNeighbour[] = [];
    restoreMasquerade(node.nft(), liveEntries(node, wanted.backend, restored, missing));
    removeDeleted(node, wanted.backend, restored);
  },
  able(node, wanted) {
    const { backend, addresses } = wanted;
    const families = [...new Set(addresses.map(({ ip }) => ip.family))];
    const lack = backend === 'iptables' ? undefined : nftDriver.able(node, families);
    if (backend !== 'iptables' && lack === undefined) return findLost(node, nftDriver, entriesOf(wanted));
    if (backend === 'nftables') return lack;
    return iptablesDriver.able(node, families) ?? findLost(node, iptablesDriver, entriesOf(wanted));
  },
};

function entriesOf(wanted: Omit<MasqueradeWanted, 'backend'>): Masqueraded[] {
  const owner = ownerText(wanted);
  return wanted.addresses.map((address) => ({ network: wanted.network, address, owner }));
}

/** Removes what any backend, of this or the reference plugins, has for the attachment. @throws the first error */
function removeStrays(node: Node, wanted: MasqueradeWanted): void {
  const { network, containerId, ifName, dataDir = DEFAULT_DATA_DIR } = wanted;
  const strays = findStrays(node, { network, dataDir, containerId, ifName });
  const [failure] = removeOwned(strays, (one) => one.isOf(wanted));
  if (failure !== undefined) throw failure;
}

/** The entries that the neighbours to restore need; notes their neighbours in `restored`. */
function liveEntries(
  node: Node,
  backend: Backend,
  restored: RestoredNeighbour[],
  missing?: ReadonlySet<string>,
): Masqueraded[] {
  const isAsked = backend === 'iptables';
  for (const { wanted, isStaying } of neighboursToRestore(node, missing)) {
    const same = wanted(masqueradeKind).filter((one) => (one.backend === 'iptables') === isAsked);
    restored.push({ entries: same.flatMap(entriesOf), isStaying });
  }
  return restored.flatMap(({ entries }) => entries);
}

/** Removes again what was restored for a neighbour that another process has begun to delete. */
function removeDeleted(node: Node, backend: Backend, restored: readonly RestoredNeighbour[]): void {
  for (const { entries, isStaying } of restored) {
    if (entries.length > 0 && !isStaying()) for (const one of entries) removeEntry(node, backend, one);
  }
}

/** Those of the owners that have no address in the subnets of the entries: it was removed, or they have none. */
function missingOwners(
  node: Node,
  driver: MasqueradeDriver,
  entries: readonly Masqueraded[],
  owners: readonly string[],
): Set<string> {
  if (owners.length === 0) return new Set();
  const present = entries.map((entry) => new Set(driver.owners(node, entry)));
  return new Set(owners.filter((owner) => present.some((those) => !those.has(owner))));
}

/** What the attachments of the network have lost, as a limit. */
function findLost(node: Node, driver: MasqueradeDriver, entries: readonly Masqueraded[]): Fault | undefined {
  const missing = missingOwners(node, driver, entries, node.owners?.() ?? []);
  const wanted = suspectsOf(node, missing).flatMap((one) => one.wanted(masqueradeKind));
  return limitOf(wanted.flatMap((one) => masqueradeKind.verify(node, one) ?? []));
}

/** What is off about an entry. With `auto`, either backend may have made it. */
function findMissing(node: Node, backend: Backend, entry: Masqueraded): Fault | undefined {
  const findIn = (driver: MasqueradeDriver) => findingOf(() => driver.verify(node, entry));
  if (backend === 'iptables') return findIn(iptablesDriver);
  try {
    const finding = findIn(nftDriver);
    return backend === 'auto' && finding !== undefined && findIn(iptablesDriver) === undefined ? undefined : finding;
  } catch (error) {
    if (backend === 'nftables' || !mayLackNftables(error)) throw error;
    return findIn(iptablesDriver);
  }
}

/** Removes an entry. If the kernel has lost nf_tables by now, it has no entry there. @returns whether there was one */
function removeEntry(node: Node, backend: Backend, entry: Masqueraded): boolean {
  return choose(node, backend === 'nftables' ? 'auto' : backend, (driver) => driver.remove(node, entry));
}

/**
 * Runs `act` with the driver of the backend. With `auto`, it is that of iptables where the kernel cannot masquerade through
 * nf_tables.
 */
function choose<T>(node: Node, backend: Backend, act: (driver: MasqueradeDriver) => T): T {
  if (backend === 'iptables') return act(iptablesDriver);
  try {
    return act(nftDriver);
  } catch (error) {
    if (!mayLackNftables(error) || masqueradesByNftables(node)) throw error;
    if (backend === 'nftables') throw withoutNftables(error);
    return act(iptablesDriver);
  }
}
