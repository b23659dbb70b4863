/** One pass over the attachments of a node: the living ones are reconciled with their records. */

import { reasonOf } from '../../fault.ts';
import { neighbourOf } from '../../resources/attachment.ts';
import { grouped } from '../../resources/grouped.ts';
import type { Neighbour, Node } from '../../resources/node.ts';
import { type Loss, nothingSeen, type Reconciled, reconcileAttachment } from '../../resources/reconcile.ts';
import type { Kind } from '../../resources/resource.ts';
import type { Inventory, Listed } from '../inventory/inventory.ts';

/** An attachment, and what became of it. */
export interface Passed extends Reconciled {
  readonly listed: Listed;
}

interface PassOptions {
  /** Looks only. */
  readonly isDryRun: boolean;
  /** Which kinds are looked at. Absent: all. */
  readonly isWanted?: (kind: Pick<Kind<unknown>, 'name'>) => boolean;
  /** Gets what became of each attachment at once. */
  readonly onPassed?: (passed: Passed) => void;
  /** See `ReconcileOptions`. */
  readonly isPostponed?: (listed: Listed, loss: Loss) => boolean;
}

/** Another attachment of a network, and its owner text. */
interface Known {
  readonly listed: Listed;
  readonly neighbour: Neighbour;
}

/**
 * Reconciles every attachment that has a record and lives; the others are left alone. Goes on past errors, which become what is
 * left of their attachment.
 */
export function passOver(node: Node, inventory: Inventory, options: PassOptions): Passed[] {
  const whole = nothingSeen();
  const known = neighbourhoods(node, inventory);
  const pass = (listed: Listed): Passed => {
    const { record, dataDir, life } = listed;
    if (record === undefined) return { listed, restored: [], left: [], reason: 'there is a lease, and no record' };
    if (life.state !== 'alive') return { listed, restored: [], left: [], reason: life.evidence };
    const others = (known.get(placeOf(listed)) ?? []).filter((one) => one.listed !== listed);
    const outside: Node = {
      ...node,
      neighbours: () =>
        others.filter(({ listed: { life } }) => life.state === 'alive').map(({ neighbour }) => neighbour),
      owners: () => others.map(({ neighbour }) => neighbour.owner),
    };
    const { isDryRun, isWanted, isPostponed } = options;
    try {
      const isLater = isPostponed && ((loss: Loss) => isPostponed(listed, loss));
      return {
        listed,
        ...reconcileAttachment(outside, record, dataDir, { isDryRun, isWanted, isPostponed: isLater, whole }),
      };
    } catch (error) {
      return { listed, restored: [], left: [failureOf(error)], reason: undefined };
    }
  };
  return inventory.attachments.map((listed) => {
    const passed = pass(listed);
    options.onPassed?.(passed);
    return passed;
  });
}

/** The recorded attachments of each network, as neighbours of each other. */
function neighbourhoods(node: Node, { attachments }: Inventory): Map<string, Known[]> {
  const known = attachments.flatMap((listed): Known[] => {
    const { record, dataDir } = listed;
    return record === undefined ? [] : [{ listed, neighbour: remembering(neighbourOf(node, record, dataDir)) }];
  });
  return grouped(known, ({ listed }) => placeOf(listed));
}

/** A pass asks a neighbour for the same kind many times. */
function remembering(neighbour: Neighbour): Neighbour {
  const asked = new Map<string, readonly unknown[]>();
  return {
    ...neighbour,
    wanted<Wanted>(kind: Parameters<typeof neighbour.wanted<Wanted>>[0]) {
      const answer = asked.get(kind.name) ?? neighbour.wanted(kind);
      asked.set(kind.name, answer);
      return answer as readonly Wanted[];
    },
  };
}

function placeOf({ dataDir, network }: Listed): string {
  return `${dataDir}/${network}`;
}

function failureOf(error: unknown): Passed['left'][number] {
  const details = error instanceof Error && 'details' in error ? String(error.details ?? '') : '';
  return { kind: 'node', finding: reasonOf(error), details: details === '' ? undefined : details };
}
