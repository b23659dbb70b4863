/** Masquerading what leaves the subnet: each address is one element of a set, with its owner as comment. */

import type { Cidr } from '../../address/cidr.ts';
import { formatIp } from '../../address/ip.ts';
import { Fault } from '../../fault.ts';
import type { Connection } from '../../netlink/connection.ts';
import { query } from '../../netlink/nft/batch.ts';
import * as sets from '../../netlink/nft/set.ts';
import { ENOENT } from '../../sys/errno.ts';
import { grouped } from '../grouped.ts';
import { isOwnedBy } from '../names.ts';
import { isWhole, missingRule, placeElements, restoreBranch } from '../nftables/branch.ts';
import {
  elementsOf,
  missingElement,
  type OwnedElement,
  passing,
  removeElement,
  removeOwned,
} from '../nftables/elements.ts';
import { addressKey, masqueradeBranch, masqueradeSet, mayBelongTo, TABLE } from './rule.ts';

/** An address that is masqueraded when it talks to anything outside its subnet. */
export interface Masqueraded {
  readonly network: string;
  readonly address: Cidr;
  /** Whose it is, see `ownerText`. */
  readonly owner: string;
}

const RESTORE =
  'The nftables ruleset was changed or flushed. The next ADD on this network restores what all its containers need; ' +
  'deleting and adding this one does, too.';

/**
 * Puts the address into its set; creates what is missing around it. Nothing is changed on failure. Where somebody flushed
 * it before (see `isMasqueradeWhole`), others still lack what they need. @throws KernelError
 */
export function ensureMasquerade(connection: Connection, entry: Masqueraded): void {
  const element = elementOf(entry);
  // The lease on the address is exclusive, so whoever's element is in the way is no longer alive.
  const makeWay = () => removeElement(connection, element.set, element.key);
  placeElements(connection, masqueradeBranch(entry.network, entry.address), [element], makeWay);
}

/** Whether nothing of the set and the rules for this address's subnet was flushed. @throws KernelError */
export function isMasqueradeWhole(connection: Connection, { network, address }: Masqueraded): boolean {
  return isWhole(connection, masqueradeBranch(network, address));
}

/** Makes what is missing of sets, rules and elements. @throws KernelError */
export function restoreMasquerade(connection: Connection, entries: readonly Masqueraded[]): void {
  for (const group of grouped(entries, ({ network, address }) => masqueradeSet(network, address).name).values()) {
    const [{ network, address }] = group;
    restoreBranch(connection, masqueradeBranch(network, address), group.map(elementOf));
  }
}

/** Takes the address out of its set if it is still this owner's. @returns whether it was. @throws KernelError */
export function removeMasquerade(connection: Connection, entry: Masqueraded): boolean {
  return removeOwned(connection, elementOf(entry));
}

/** @throws Fault `check` when the address is not masqueraded, or as someone else's, or a rule is gone */
export function verifyMasquerade(connection: Connection, entry: Masqueraded): void {
  const { network, address } = entry;
  const finding =
    missingElement(connection, elementOf(entry)) ?? missingRule(connection, masqueradeBranch(network, address));
  if (finding === undefined) return;
  throw new Fault('check', `${formatIp(address.ip)} is not masqueraded: ${finding}`, { details: RESTORE });
}

/** The addresses of a network, whosever they are, in all its sets. @throws KernelError */
export function ownedElements(
  connection: Connection,
  network: string,
): readonly { readonly owner: string; remove(): void }[] {
  let names: string[] = [];
  passing(ENOENT, () => {
    names = query(connection, sets.listSets(TABLE)).map(sets.decodeSetName);
  });
  return names
    .filter((name) => mayBelongTo(network, name))
    .flatMap((name) => {
      const set = { table: TABLE, name };
      return elementsOf(connection, set).flatMap(({ key, comment: owner }) => {
        if (owner === undefined || !isOwnedBy(network, owner)) return [];
        return [
          { owner, remove: () => void removeOwned(connection, { set, key: { bytes: key, text: owner }, owner }) },
        ];
      });
    });
}

/** Whether the kernel has nf_tables and lets us ask it. @throws KernelError, SystemError */
export function verifyMasqueradable(connection: Connection): void {
  passing(ENOENT, () => query(connection, sets.listSets(TABLE)));
}

function elementOf({ network, address, owner }: Masqueraded): OwnedElement {
  return { set: masqueradeSet(network, address), key: addressKey(address.ip), owner };
}
