/** Masquerading what leaves the subnet: each address is one element of a set, with its owner as comment. */

import type { Cidr } from '../address/cidr.ts';
import { formatIp } from '../address/ip.ts';
import { Fault } from '../fault.ts';
import type { Connection } from '../netlink/connection.ts';
import { isKernelError } from '../netlink/error.ts';
import { commit, query } from '../netlink/nft/batch.ts';
import { decodeRuleComment, listRules } from '../netlink/nft/rule.ts';
import * as sets from '../netlink/nft/set.ts';
import { EEXIST, ENOENT } from '../sys/errno.ts';
import { CHAIN, createMasquerading, masqueradeSet, mayBelongTo, TABLE } from './masquerade-rule.ts';
import { isOwnedBy } from './names.ts';

/** An address that is masqueraded when it talks to anything outside its subnet. */
export interface Masqueraded {
  readonly network: string;
  readonly address: Cidr;
  /** Whose it is, see `ownerText`. */
  readonly owner: string;
}

const ATTEMPTS = 10;
const RESTORE = 'The nftables ruleset was changed or flushed; deleting and adding the attachment restores it.';

/** Puts the address into its set; creates what is missing around it. Nothing is changed on failure. @throws KernelError */
export function ensureMasquerade(connection: Connection, entry: Masqueraded): void {
  const set = masqueradeSet(entry.network, entry.address);
  const { ip } = entry.address;
  for (let attempt = 1; ; attempt++) {
    try {
      commit(connection, [sets.addElement(set, ip, entry.owner)]);
      return;
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      // The lease on the address is exclusive, so whoever's element is in the way is no longer alive.
      if (isKernelError(error, EEXIST)) passing(ENOENT, () => commit(connection, [sets.deleteElement(set, ip)]));
      // Another process may do the same: the set is created exclusively, so that its rule is added once.
      else if (isKernelError(error, ENOENT)) {
        passing(EEXIST, () => commit(connection, createMasquerading(set, entry.address)));
      } else throw error;
    }
  }
}

/** Takes the address out of its set if it is still this owner's. @returns whether it was. @throws KernelError */
export function removeMasquerade(connection: Connection, entry: Masqueraded): boolean {
  const set = masqueradeSet(entry.network, entry.address);
  if (findElementOwner(connection, entry) !== entry.owner) return false;
  return passing(ENOENT, () => commit(connection, [sets.deleteElement(set, entry.address.ip)]));
}

/** @throws Fault `check` when the address is not masqueraded, or as someone else's, or the rule is gone */
export function verifyMasquerade(connection: Connection, entry: Masqueraded): void {
  const set = masqueradeSet(entry.network, entry.address);
  const ip = formatIp(entry.address.ip);
  const owner = findElementOwner(connection, entry);
  if (owner !== entry.owner) {
    const found = owner === undefined ? 'it is not there' : `it is there for ${owner}`;
    const message = `${ip} is not masqueraded: expected in the nftables set ${set.name} for ${entry.owner}, ${found}`;
    throw new Fault('check', message, { details: RESTORE });
  }
  if (query(connection, listRules(TABLE, CHAIN)).map(decodeRuleComment).includes(set.name)) return;
  const message = `${ip} is not masqueraded: no rule of the nftables chain ${CHAIN} looks at the set ${set.name}`;
  throw new Fault('check', message, { details: RESTORE });
}

/** Removes a network's addresses whose owners do not satisfy `isValid`. @returns how many. @throws KernelError */
export function collectMasquerade(
  connection: Connection,
  network: string,
  isValid: (owner: string) => boolean,
): number {
  let removed = 0;
  for (const set of networkSets(connection, network)) {
    const elements = query(connection, sets.listElements(set)).flatMap(sets.decodeElements);
    for (const { ip, comment } of elements) {
      if (comment === undefined || !isOwnedBy(network, comment) || isValid(comment)) continue;
      if (passing(ENOENT, () => commit(connection, [sets.deleteElement(set, ip)]))) removed++;
    }
  }
  return removed;
}

/** Whether the kernel has nf_tables and lets us ask it. @throws KernelError, SystemError */
export function verifyMasqueradable(connection: Connection): void {
  passing(ENOENT, () => query(connection, sets.listSets(TABLE)));
}

function networkSets(connection: Connection, network: string): sets.AddressSet[] {
  let names: string[] = [];
  passing(ENOENT, () => {
    names = query(connection, sets.listSets(TABLE)).map(sets.decodeSetName);
  });
  const mine = names.filter((name) => mayBelongTo(network, name));
  return mine.map((name) => ({ table: TABLE, name, family: name.includes('_', name.lastIndexOf('-')) ? 6 : 4 }));
}

function findElementOwner(connection: Connection, { network, address }: Masqueraded): string | undefined {
  let owner: string | undefined;
  passing(ENOENT, () => {
    const [reply] = query(connection, sets.getElement(masqueradeSet(network, address), address.ip));
    const [element] = reply === undefined ? [] : sets.decodeElements(reply);
    owner = element && (element.comment ?? '');
  });
  return owner;
}

/** Does it; one errno is no error but means that there was nothing to do. @returns whether something was done */
function passing(errno: number, action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if (isKernelError(error, errno)) return false;
    throw error;
  }
}
