/** Set elements that carry their owner as comment, see `ownerText`: adding, finding and looking for them. */

import { type Connection, executeUnlessRefused } from '../../netlink/connection.ts';
import { isKernelError } from '../../netlink/error.ts';
import { commit, query, type Table } from '../../netlink/nft/batch.ts';
import * as sets from '../../netlink/nft/set.ts';
import { EEXIST, ENOENT } from '../../sys/errno.ts';
import { ANCHOR, currentOwner, isSameOwner } from '../names.ts';
import { unlessRefused } from '../refused.ts';
import type { Branch, OwnedElement } from './branch.ts';
import { mend } from './difference.ts';

/** Attempts to change what other processes change at the same time. */
const ATTEMPTS = 20;
/** Elements a transaction: a datagram of 100 is some 15 kB, far below what a socket takes. */
const AT_ONCE = 100;

/**
 * Adds new elements to the branch's sets, all or none, and creates what is missing around them. `makeWay` removes what an
 * attachment that is gone may have left there.
 * @throws KernelError; nothing is changed then
 */
export function placeElements(
  connection: Connection,
  branch: Branch,
  elements: readonly OwnedElement[],
  makeWay: () => void,
): void {
  const additions = elements.map(({ set, key, owner }) => sets.addElement(set, key, owner));
  for (let attempt = 1; ; attempt++) {
    try {
      commit(connection, additions);
      return;
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      if (isKernelError(error, EEXIST)) makeWay();
      else if (!isKernelError(error, ENOENT)) throw error;
      else if (mend(connection, branch, additions) === 'mended') return;
    }
  }
}

/** Makes whatever is missing of the branch, and adds the elements that are to be there. @throws KernelError */
export function restoreElements(connection: Connection, branch: Branch, elements: readonly OwnedElement[]): void {
  // The anchors last: where this is cut short, the next one begins again.
  const missing = [...elements, ...branch.anchors].map(({ set, key, owner }) => sets.ensureElement(set, key, owner));
  for (let attempt = 1; ; attempt++) {
    if (mend(connection, branch) === 'outrun' && attempt < ATTEMPTS) continue;
    const done = unlessRefused(attempt === ATTEMPTS ? [] : [ENOENT], () => {
      for (let at = 0; at < missing.length; at += AT_ONCE) commit(connection, missing.slice(at, at + AT_ONCE));
      return true;
    });
    if (done) return;
  }
}

/** What is off about an element, to stand behind a colon; undefined where it is there for its owner. @throws KernelError */
export function missingElement(connection: Connection, { set, key, owner }: OwnedElement): string | undefined {
  const [found] = ownersOf(connection, [{ set, key }]);
  if (found !== undefined && isSameOwner(found, owner)) return undefined;
  const what = found === undefined ? 'it is not there' : `it is there for ${found}`;
  return `expected in the nftables set ${set.name} for ${owner}, ${what}`;
}

/** All elements, their owners as they are written today; none where there is no such set. @throws KernelError */
export function elementsOf(connection: Connection, set: sets.SetName): sets.Element[] {
  const replies = unlessRefused([ENOENT], () => query(connection, sets.listElements(set))) ?? [];
  return replies
    .flatMap(sets.decodeElements)
    .map(({ key, comment }) => ({ key, comment: comment && currentOwner(comment) }));
}

/** Whether a set holds an element, beside its anchors, that satisfies the test. @throws KernelError */
export function isHeld(
  connection: Connection,
  set: sets.SetName,
  satisfies: (element: sets.Element) => boolean = () => true,
): boolean {
  const replies = unlessRefused([ENOENT], () => query(connection, sets.listElements(set))) ?? [];
  const counts = (element: sets.Element) => element.comment !== ANCHOR && satisfies(element);
  return replies.some((reply) => sets.someElement(reply, counts));
}

/** The names of a table's sets; none where there is no such table. @throws KernelError */
export function setNames(connection: Connection, table: Table): string[] {
  return (unlessRefused([ENOENT], () => query(connection, sets.listSets(table))) ?? []).map(sets.decodeSetName);
}

/** Their comments, "" where one has none; undefined where there is no element. */
export function ownersOf(
  connection: Connection,
  elements: readonly Pick<OwnedElement, 'set' | 'key'>[],
): (string | undefined)[] {
  const questions = elements.map(({ set, key }) => sets.getElement(set, key));
  return executeUnlessRefused(connection, [ENOENT], ...questions).map((replies) => {
    const [element] = replies?.[0] === undefined ? [] : sets.decodeElements(replies[0]);
    return element && (element.comment ?? '');
  });
}
