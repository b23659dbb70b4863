/** Adds and finds set elements, which carry their owner as comment, see `ownerText`. */

import { type Connection, executeUnlessRefused, type Request } from '../../netlink/connection.ts';
import { isKernelError, unlessRefused } from '../../netlink/error.ts';
import { commit, getGeneration, query, type Table } from '../../netlink/nft/batch.ts';
import * as sets from '../../netlink/nft/set.ts';
import { EEXIST, ENOENT } from '../../sys/errno.ts';
import { ANCHOR, currentOwner, isSameOwner } from '../names.ts';
import { type Branch, createBranch, type OwnedElement } from './branch.ts';
import { commitFor, glanceAt, mend, mendRules } from './difference.ts';
import { noteGeneration } from './generation.ts';

/** The most attempts to change what other processes change at the same time. */
const ATTEMPTS = 20;
/** The most elements of a transaction: 100 are a datagram of some 15 kB, far below what a socket takes. */
const AT_ONCE = 100;

/**
 * Adds new elements to the sets of the branch, all or none. Where the branch is not whole, it is made whole, and `live` gives
 * the elements of other attachments for it. `makeWay` removes what an attachment that is gone may have left. The kernel is
 * asked first, since a transaction that it refuses takes it some 10 ms.
 * @returns whether the branch was whole. @throws KernelError; the new elements are not added then
 */
export function placeElements(
  connection: Connection,
  branch: Branch,
  elements: readonly OwnedElement[],
  makeWay: () => void,
  live?: () => readonly OwnedElement[],
): boolean {
  const additions = elements.map(({ set, key, owner }) => sets.addElement(set, key, owner));
  let wasThere = false;
  for (let attempt = 1; ; attempt++) {
    const { state, generation } = glanceAt(connection, branch);
    try {
      if (state === 'missing') {
        if (createWith(connection, branch, additions, generation, live)) return false;
        if (attempt < ATTEMPTS) continue;
      }
      commit(connection, additions);
      if (state !== 'whole' && live !== undefined) restoreElements(connection, branch, live());
      // An ADD that is repeated may be the answer to a finding of CHECK, so the rules are read, too.
      else if (wasThere) mendRules(connection, branch);
      return state === 'whole';
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      wasThere ||= isKernelError(error, EEXIST);
      if (isKernelError(error, EEXIST)) makeWay();
      else if (state === 'missing' || !isKernelError(error, ENOENT)) throw error;
    }
  }
}

/** Makes what is missing of the branch, and adds the elements. @throws KernelError */
export function restoreElements(connection: Connection, branch: Branch, elements: readonly OwnedElement[]): void {
  // The anchors come last, so that a call after one that was cut short begins again.
  const missing = [...elements, ...branch.anchors].map(ensured);
  for (let attempt = 1; ; attempt++) {
    const isMended = mend(connection, branch);
    if (!isMended && attempt < ATTEMPTS) continue;
    const done = unlessRefused(attempt === ATTEMPTS ? [] : [ENOENT], () => {
      for (let at = 0; at < missing.length; at += AT_ONCE) commit(connection, missing.slice(at, at + AT_ONCE));
      return true;
    });
    if (done) return;
  }
}

/**
 * What is off about an element, as a clause that follows a colon; undefined where it is there for its owner.
 * @throws KernelError
 */
export function missingElement(connection: Connection, { set, key, owner }: OwnedElement): string | undefined {
  const [found] = ownersOf(connection, [{ set, key }]);
  if (found !== undefined && isSameOwner(found, owner)) return undefined;
  const what = found === undefined ? 'it is not there' : `it is there for ${found}`;
  return `expected in the nftables set ${set.name} for ${owner}, ${what}`;
}

/** All elements of a set, their owners as they are written today; none where there is no such set. @throws KernelError */
export function elementsOf(connection: Connection, set: sets.SetName): sets.Element[] {
  const replies = unlessRefused([ENOENT], () => query(connection, sets.listElements(set))) ?? [];
  return replies
    .flatMap(sets.decodeElements)
    .map(({ key, comment }) => ({ key, comment: comment && currentOwner(comment) }));
}

/** The owners that have no element in the set. @throws KernelError */
export function missingOwners(connection: Connection, set: sets.SetName, owners: readonly string[]): string[] {
  const present = new Set(elementsOf(connection, set).map(({ comment }) => comment));
  return owners.filter((owner) => !present.has(owner));
}

/** Whether a set holds an element, other than its anchors, that satisfies the test. @throws KernelError */
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

/** The comment of each element, "" where it has none; undefined where the element is not there. @throws KernelError */
export function ownersOf(
  connection: Connection,
  elements: readonly Pick<OwnedElement, 'set' | 'key'>[],
): (string | undefined)[] {
  const questions = elements.map(({ set, key }) => sets.getElement(set, key));
  const [generation, ...found] = executeUnlessRefused(connection, [ENOENT], getGeneration(), ...questions);
  noteGeneration(connection, generation);
  return found.map((replies) => {
    const [element] = replies?.[0] === undefined ? [] : sets.decodeElements(replies[0]);
    return element && (element.comment ?? '');
  });
}

/**
 * Creates the branch with the new elements, and with those of `live` if they fit the transaction, so that the first attachment
 * costs no more than another. @returns false where another program has changed the ruleset meanwhile
 */
function createWith(
  connection: Connection,
  branch: Branch,
  additions: readonly Request[],
  generation: number,
  live?: () => readonly OwnedElement[],
): boolean {
  const others = live?.();
  const isSmall = others !== undefined && others.length <= AT_ONCE;
  const further = isSmall ? [...others, ...branch.anchors].map(ensured) : [];
  if (!commitFor(connection, [...createBranch(branch), ...additions, ...further], generation)) return false;
  if (others !== undefined && !isSmall) restoreElements(connection, branch, others);
  return true;
}

function ensured({ set, key, owner }: OwnedElement): Request {
  return sets.ensureElement(set, key, owner);
}
