/** Masquerading what leaves the subnet, through nftables: each address is one element of a set, with its owner as comment. */

import type { Cidr } from '../../address/cidr.ts';
import { formatIp } from '../../address/ip.ts';
import { Fault } from '../../fault.ts';
import { type Connection, executeUnlessRefused } from '../../netlink/connection.ts';
import { isKernelError } from '../../netlink/error.ts';
import { commit } from '../../netlink/nft/batch.ts';
import * as sets from '../../netlink/nft/set.ts';
import { decodeChain, getChain } from '../../netlink/nft/table.ts';
import { EAFNOSUPPORT, EINVAL, ENOENT, EOPNOTSUPP, EPROTONOSUPPORT } from '../../sys/errno.ts';
import { grouped } from '../grouped.ts';
import { createBranch, type OwnedElement } from '../nftables/branch.ts';
import { glanceAt, rulesFinding } from '../nftables/difference.ts';
import { missingElement, missingOwners, placeElements, restoreElements, setNames } from '../nftables/elements.ts';
import {
  collect,
  type FoundElement,
  foundElements,
  removeElement,
  removeOwned,
  removeUnused,
} from '../nftables/removal.ts';
import { POSTROUTING, ROUTED_TABLE } from '../nftables/tables.ts';
import { addressKey, masqueradeBranch, masqueradeFrame, masqueradeSet, mayBelongTo } from './rule.ts';

/**
 * What a kernel answers that cannot masquerade through nf_tables: it has no nfnetlink, no nf_tables, not this family, or (ENOENT)
 * no such type of chain or expression. It may mean something else, too.
 */
export const CANNOT_MASQUERADE: readonly number[] = [EPROTONOSUPPORT, EINVAL, EOPNOTSUPP, EAFNOSUPPORT, ENOENT];

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
 * Adds the address to its set; creates what is missing around it. Where that was not whole, other addresses may lack what they
 * need: `live` gives those of the network that are to be there, and they are added; without it, see `restoreMasquerade`.
 * @returns whether all was whole. @throws KernelError; the address is not added then
 */
export function ensureMasquerade(
  connection: Connection,
  entry: Masqueraded,
  live?: () => readonly Masqueraded[],
): boolean {
  const element = elementOf(entry);
  // The lease on the address is exclusive, so whoever's element is in the way is no longer alive.
  const makeWay = () => removeElement(connection, element.set, element.key);
  let others: readonly Masqueraded[] = [];
  const liveHere = () => {
    const all = live?.() ?? [];
    others = all.filter((one) => elementOf(one).set.name !== element.set.name);
    return all.filter((one) => !others.includes(one)).map(elementOf);
  };
  const branch = masqueradeBranch(entry.network, entry.address);
  const wasWhole = placeElements(connection, branch, [element], makeWay, live && liveHere);
  restoreMasquerade(connection, others);
  return wasWhole;
}

/** Whether nothing of the set and the rules for this address's subnet was flushed. @throws KernelError */
export function isMasqueradeWhole(connection: Connection, { network, address }: Masqueraded): boolean {
  return glanceAt(connection, masqueradeBranch(network, address)).state === 'whole';
}

/** Makes what is missing of sets, rules and elements. @throws KernelError */
export function restoreMasquerade(connection: Connection, entries: readonly Masqueraded[]): void {
  for (const group of grouped(entries, ({ network, address }) => masqueradeSet(network, address).name).values()) {
    const [{ network, address }] = group;
    restoreElements(connection, masqueradeBranch(network, address), group.map(elementOf));
  }
}

/**
 * Removes the address from its set if it is still this owner's; with the last address set, chain and rules. @returns whether it
 * was. @throws KernelError
 */
export function removeMasquerade(connection: Connection, entry: Masqueraded): boolean {
  const element = elementOf(entry);
  return removeOwned(connection, masqueradeFrame(element.set.name), [element]);
}

/** @throws Fault `check` when the address is not masqueraded, or as someone else's, or a rule is gone or changed */
export function verifyMasquerade(connection: Connection, entry: Masqueraded): void {
  const { network, address } = entry;
  const finding =
    missingElement(connection, elementOf(entry)) ?? rulesFinding(connection, masqueradeBranch(network, address));
  if (finding === undefined) return;
  throw new Fault('check', `${formatIp(address.ip)} is not masqueraded: ${finding}`, { details: RESTORE });
}

/** Those of the owners who have no address in the set of this one: it was removed, or they have none. @throws KernelError */
export function missingMasquerade(
  connection: Connection,
  { network, address }: Pick<Masqueraded, 'network' | 'address'>,
  owners: readonly string[],
): string[] {
  return missingOwners(connection, masqueradeSet(network, address), owners);
}

/** The masqueraded addresses of a network and data directory, in all their sets. @throws KernelError */
export function ownedElements(connection: Connection, network: string, dataDir?: string): FoundElement[] {
  return framesOf(connection, network).flatMap((frame) => foundElements(connection, frame, network, dataDir));
}

/**
 * Removes a network's addresses whose owners do not satisfy `isValid`, and sets without an address. @returns how many
 * addresses. @throws KernelError
 */
export function collectMasquerade(
  connection: Connection,
  network: string,
  isValid: (owner: string) => boolean,
  dataDir?: string,
): number {
  const count = collect(ownedElements(connection, network, dataDir), isValid);
  for (const frame of framesOf(connection, network)) removeUnused(connection, frame);
  return count;
}

/**
 * Whether the kernel can masquerade through nf_tables, which it shows where it does. Else it is asked for all that is needed (a table of both families, a chain that
 * translates, a set, the rule), together with something that it must refuse, so that nothing is made. Asked of a kernel
 * before 5.2, which has no NAT for both families in one table, or without nft_masq, it refuses something else.
 * @throws KernelError for a reason that says nothing of the kernel, such as EPERM
 */
export function canMasquerade(connection: Connection): boolean {
  const [chain] = executeUnlessRefused(connection, CANNOT_MASQUERADE, getChain(ROUTED_TABLE, POSTROUTING.name));
  if (chain?.[0] !== undefined && decodeChain(chain[0]).uses > 0) return true;
  const never = { table: ROUTED_TABLE, name: 'never' };
  const refused = sets.deleteElement(never, { bytes: new Uint8Array(4), text: 'nothing' });
  try {
    commit(connection, [...createBranch(PROBE), refused]);
    return true;
  } catch (error) {
    if (isKernelError(error, ENOENT) && error.operation === refused.operation) return true;
    if (isKernelError(error, ...CANNOT_MASQUERADE)) return false;
    throw error;
  }
}

/** No network has this name. */
const PROBE = masqueradeBranch('', { ip: { family: 4, value: 0n }, prefix: 32 });

function framesOf(connection: Connection, network: string) {
  const names = setNames(connection, ROUTED_TABLE).filter((name) => mayBelongTo(network, name));
  return names.map(masqueradeFrame);
}

function elementOf({ network, address, owner }: Masqueraded): OwnedElement {
  return { set: masqueradeSet(network, address), key: addressKey(address.ip), owner };
}
