/** One look at the node: what is off is mended, and what is dead for long is removed. */

import type { Log } from '../../log.ts';
import { findLegacyTable, readLegacyChains } from '../../resources/iptables/legacy.ts';
import { type Node, withNode } from '../../resources/node.ts';
import type { PlaceFlags } from '../flags.ts';
import { type Inventory, type Listed, takeInventory } from '../inventory/inventory.ts';
import { collectGarbage, findGarbage } from '../upkeep/garbage.ts';
import { passOver } from '../upkeep/pass.ts';
import type { Counters } from './metrics.ts';
import type { Ours, Scope } from './relevance.ts';
import type { Tell, Troubles } from './troubles.ts';

export interface Seen {
  readonly inventory: Inventory;
  readonly ours: Ours;
}

export interface LookOptions {
  readonly searchPath: string;
  readonly log: Log;
  readonly place: PlaceFlags;
  readonly network: string | undefined;
  readonly troubles: Troubles;
  readonly counters: Counters;
  readonly tell: Tell;
  /** The attachments that were dead at the last regular look; those that still are, are removed, and the rest replaced. */
  readonly dead: Set<string>;
}

/** What packet filters have; the rest is looked at where links have changed, and regularly. */
const FILTER_KINDS = ['vlan-gateway', 'forward-accept', 'guard', 'masquerade'];

/** Looks at what the scope says. `isRegular` looks remove what is dead. @throws Fault, KernelError, SystemError */
export function lookAt(scope: Scope, isRegular: boolean, options: LookOptions): Seen {
  const { searchPath, log, place, network, troubles, counters } = options;
  const isSeen = (kind: string) => scope === 'everything' || FILTER_KINDS.includes(kind);
  return withNode(searchPath, log, (node) => {
    const inventory = takeInventory(node, place, network);
    passOver(node, inventory, {
      isDryRun: false,
      ...(scope === 'filters' && { isWanted: ({ name }) => isSeen(name) }),
      isPostponed: troubles.isPostponed,
      onPassed: (passed) => {
        for (const { kind } of passed.restored) counters.repairs.set(kind, (counters.repairs.get(kind) ?? 0) + 1);
        counters.failures += passed.left.filter((loss) => !troubles.isPostponed(passed.listed, loss)).length;
        troubles.note(passed);
      },
    });
    troubles.settle(isSeen);
    if (isRegular) reclaim(node, inventory, options);
    return { inventory, ours: oursOf(inventory) };
  });
}

/** What the older tables decide, without their counters; empty where the node has none. @throws SystemError */
export function olderTables(): string {
  return ([4, 6] as const)
    .flatMap((family) => {
      const table = findLegacyTable(family, 'filter');
      if (table === undefined) return [];
      const { chains, dropping } = readLegacyChains(table);
      return [family, dropping.join(), ...[...chains].map(([name, rules]) => `${name} ${rules.length}`)];
    })
    .join(';');
}

/** Removes what was dead at the last regular look, too: by then the runtime has had the time for its own DEL. */
function reclaim(node: Node, inventory: Inventory, { dead, counters, tell }: LookOptions): void {
  const now = inventory.attachments.filter(({ life }) => life.state === 'dead').map(keyOf);
  const isDue = now.some((key) => dead.has(key));
  const due = isDue
    ? findGarbage(node, inventory).filter(({ doomed, dataDir = '' }) => {
        return doomed?.record !== undefined && dead.has(keyOf({ ...doomed.attachment, dataDir }));
      })
    : [];
  for (const { garbage, outcome, reason } of collectGarbage(node, inventory, due)) {
    if (outcome === 'removed') counters.reclaims++;
    const what = `${garbage.network} ${garbage.subject}: ${garbage.why}`;
    if (outcome === 'removed') tell('info', 'reclaimed', what);
    else tell('warn', 'kept', `${what}: ${reason ?? 'it has changed meanwhile'}`);
  }
  dead.clear();
  for (const key of now) dead.add(key);
}

function keyOf({
  dataDir,
  network,
  containerId,
  ifName,
}: Pick<Listed, 'dataDir' | 'network' | 'containerId' | 'ifName'>): string {
  return `${dataDir}/${network}/${containerId}/${ifName}`;
}

function oursOf({ attachments, links }: Inventory): Ours {
  const names = new Set(attachments.flatMap(({ hostVeth, bridge }) => [hostVeth ?? [], bridge ?? []].flat()));
  return { names, indexes: new Set(links.filter(({ name }) => names.has(name)).map(({ index }) => index)) };
}
