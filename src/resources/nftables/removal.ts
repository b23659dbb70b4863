/** Removes elements, which carry their owner, and a branch with its last element. */

import { sameBytes } from '../../netlink/bytes.ts';
import { type Connection, executeUnlessRefused, type Request } from '../../netlink/connection.ts';
import { unlessRefused } from '../../netlink/error.ts';
import { commit, getGeneration } from '../../netlink/nft/batch.ts';
import { deleteRule, flushChain } from '../../netlink/nft/rule.ts';
import * as sets from '../../netlink/nft/set.ts';
import {
  type BaseChain,
  decodeChain,
  decodeTable,
  deleteChain,
  deleteTable,
  getChain,
  getTable,
} from '../../netlink/nft/table.ts';
import { EBUSY, ENOENT, ERESTART } from '../../sys/errno.ts';
import { isInScope, isSameOwner } from '../names.ts';
import type { Scope } from '../resource.ts';
import type { OwnedElement } from './branch.ts';
import { elementsOf, isHeld, ownersOf, setNames } from './elements.ts';
import { findEntrances } from './entrances.ts';
import { noteGeneration } from './generation.ts';

/** What identifies a branch for its removal: its chain, its sets, and the base chains that lead to it. */
export interface Frame {
  readonly chain: string;
  readonly sets: readonly sets.SetName[];
  readonly bases: readonly BaseChain[];
}

/** An element of an attachment, as it was found. */
export interface FoundElement {
  readonly owner: string;
  /** @throws KernelError */
  remove(): void;
}

interface RemovalPlan {
  readonly generation: number;
  readonly removals: readonly Request[];
}

/** How many rules, chains and sets the kernel counts; undefined for what is not there. */
interface Counts {
  readonly table: number | undefined;
  readonly chain: number | undefined;
  readonly bases: readonly (number | undefined)[];
}

const ATTEMPTS = 20;

/**
 * Removes, of these elements, those that are still their owners', in one transaction; in the same transaction the branch, if
 * no other element is left: each transaction takes the kernel some 10 ms.
 * @returns whether there was one. @throws KernelError
 */
export function removeOwned(connection: Connection, frame: Frame, elements: readonly OwnedElement[]): boolean {
  const own = ownedOf(connection, elements);
  if (own.length === 0) return false;
  const isOwn = (set: sets.SetName, key: Uint8Array) =>
    own.some((one) => one.set.name === set.name && sameBytes(one.key.bytes, key));
  if (removeBranch(connection, frame, (set) => isHeld(connection, set, ({ key }) => !isOwn(set, key)))) return true;
  const removals = own.map(({ set, key }) => sets.deleteElement(set, key));
  const removed = isCommitted(connection, removals)
    ? true
    : removals.map((removal) => isCommitted(connection, [removal])).includes(true);
  removeUnused(connection, frame);
  return removed;
}

/** @returns whether the element was there. @throws KernelError */
export function removeElement(connection: Connection, set: sets.SetName, key: sets.Key): boolean {
  return isCommitted(connection, [sets.deleteElement(set, key)]);
}

/** The elements of the scope in the sets of the branch. @throws KernelError */
export function foundElements(connection: Connection, frame: Frame, scope: Scope): FoundElement[] {
  return frame.sets.flatMap((set) =>
    elementsOf(connection, set).flatMap(({ key, comment: owner }) => {
      if (owner === undefined || !isInScope(scope, owner)) return [];
      const element = { set, key: { bytes: key, text: owner }, owner };
      return [{ owner, remove: () => void removeOwned(connection, frame, [element]) }];
    }),
  );
}

/**
 * Removes a branch whose sets hold nothing but anchors: its rules, chain and sets, a base chain with its last rule, and the
 * table with its last chain. Safe against an ADD: the transaction names the generation in which the sets were seen empty. What
 * rules of other programs refer to stays. @throws KernelError
 */
function removeUnused(connection: Connection, frame: Frame): void {
  removeBranch(connection, frame, (set) => isHeld(connection, set));
}

/** @returns false where a set is in use, there is no branch, or rules of other programs refer to it */
function removeBranch(connection: Connection, frame: Frame, isInUse: (set: sets.SetName) => boolean): boolean {
  if (frame.sets.some(isInUse)) return false;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const { generation, removals } = planRemoval(connection, frame);
    if (removals.length === 0 || frame.sets.some(isInUse)) return false;
    const outcome = unlessRefused(
      [ERESTART],
      () =>
        unlessRefused([EBUSY], () => {
          commit(connection, removals, generation);
          return 'removed' as const;
        }) ?? 'referred to',
    );
    if (outcome !== undefined) return outcome === 'removed';
  }
  return false;
}

/**
 * What removes the branch. Where the numbers say that the table holds this branch and nothing else, the table is removed, and
 * nothing more is read.
 */
function planRemoval(connection: Connection, frame: Frame): RemovalPlan {
  const { chain, bases, sets: held } = frame;
  const table = (bases[0] as BaseChain).table;
  const questions = [
    getGeneration(),
    getTable(table),
    ...[{ name: chain }, ...bases].map(({ name }) => getChain(table, name)),
  ];
  const [generation, found, ...chains] = executeUnlessRefused(connection, [ENOENT], ...questions);
  const [uses, ...baseUses] = chains.map((replies) => replies?.[0] && decodeChain(replies[0]).uses);
  const counts = { table: found?.[0] && decodeTable(found[0]).uses, chain: uses, bases: baseUses };
  const entrances = baseUses.reduce((sum: number, use) => sum + (use ?? Number.NaN), 0);
  const isAlone = counts.table === 1 + bases.length + held.length && counts.chain === 1 + entrances;
  return {
    generation: noteGeneration(connection, generation),
    removals: isAlone ? [deleteTable(table)] : partsOf(connection, frame, counts),
  };
}

/** Removes each part of the branch, in an order in which nothing is removed to which something else refers. */
function partsOf(connection: Connection, { chain, sets: held, bases }: Frame, counts: Counts): Request[] {
  const table = (bases[0] as BaseChain).table;
  const ways = bases.map((base) => {
    const { reached, overruled } = findEntrances(connection, base, chain);
    return [...reached, ...overruled];
  });
  const emptied = bases.filter((_, at) => counts.bases[at] === ways[at]?.length);
  const names = setNames(connection, table);
  const present = held.filter(({ name }) => names.includes(name));
  const inside = counts.chain === undefined ? [] : [flushChain(table, chain), deleteChain(table, chain)];
  if (counts.table === Math.min(inside.length, 1) + present.length + emptied.length) return [deleteTable(table)];
  return [
    ...bases.flatMap(({ name }, at) => (ways[at] ?? []).map(({ handle }) => deleteRule(table, name, handle))),
    ...inside,
    ...present.map(sets.deleteSet),
    ...emptied.map(({ name }) => deleteChain(table, name)),
  ];
}

function isCommitted(connection: Connection, changes: readonly Request[]): boolean {
  const done = unlessRefused([ENOENT], () => {
    commit(connection, changes);
    return true;
  });
  return done === true;
}

function ownedOf(connection: Connection, elements: readonly OwnedElement[]): OwnedElement[] {
  const found = ownersOf(connection, elements);
  return elements.filter(({ owner }, at) => found[at] !== undefined && isSameOwner(found[at], owner));
}
