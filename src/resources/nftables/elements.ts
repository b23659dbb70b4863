/** Set elements that carry their owner as comment, see `ownerText`. */

import type { Connection } from '../../netlink/connection.ts';
import { isKernelError } from '../../netlink/error.ts';
import { commit, query } from '../../netlink/nft/batch.ts';
import * as sets from '../../netlink/nft/set.ts';
import { ENOENT } from '../../sys/errno.ts';
import { isOwnedBy } from '../names.ts';

export interface OwnedElement {
  readonly set: sets.SetName;
  readonly key: sets.Key;
  readonly owner: string;
}

/** Takes the element out if it is still this owner's. @returns whether it was. @throws KernelError */
export function removeOwned(connection: Connection, { set, key, owner }: OwnedElement): boolean {
  return findOwner(connection, set, key) === owner && removeElement(connection, set, key);
}

/** @returns whether it was there. @throws KernelError */
export function removeElement(connection: Connection, set: sets.SetName, key: sets.Key): boolean {
  return passing(ENOENT, () => commit(connection, [sets.deleteElement(set, key)]));
}

/** What is off about an element, to stand behind a colon; undefined where it is there for its owner. @throws KernelError */
export function missingElement(connection: Connection, { set, key, owner }: OwnedElement): string | undefined {
  const found = findOwner(connection, set, key);
  if (found === owner) return undefined;
  const what = found === undefined ? 'it is not there' : `it is there for ${found}`;
  return `expected in the nftables set ${set.name} for ${owner}, ${what}`;
}

/** All elements; none where there is no such set. @throws KernelError */
export function elementsOf(connection: Connection, set: sets.SetName): sets.Element[] {
  let elements: sets.Element[] = [];
  passing(ENOENT, () => {
    elements = query(connection, sets.listElements(set)).flatMap(sets.decodeElements);
  });
  return elements;
}

/** Removes a network's elements whose owners do not satisfy `isValid`. @returns how many. @throws KernelError */
export function collectElements(
  connection: Connection,
  set: sets.SetName,
  network: string,
  isValid: (owner: string) => boolean,
): number {
  const doomed = elementsOf(connection, set).filter(
    ({ comment }) => comment !== undefined && isOwnedBy(network, comment) && !isValid(comment),
  );
  const removed = doomed.filter(({ key, comment = '' }) =>
    removeElement(connection, set, { bytes: key, text: comment }),
  );
  return removed.length;
}

/** Does it; one of these errnos is no error but means that there was nothing to do. @returns whether it was done */
export function passing(errno: number | readonly number[], action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if (isKernelError(error, ...[errno].flat())) return false;
    throw error;
  }
}

/** The comment, "" where the element has none; undefined where there is no element. */
function findOwner(connection: Connection, set: sets.SetName, key: sets.Key): string | undefined {
  let owner: string | undefined;
  passing(ENOENT, () => {
    const [reply] = query(connection, sets.getElement(set, key));
    const [element] = reply === undefined ? [] : sets.decodeElements(reply);
    owner = element && (element.comment ?? '');
  });
  return owner;
}
