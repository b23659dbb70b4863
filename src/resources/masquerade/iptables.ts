/**
 * Masquerading through iptables. One chain a network and subnet, so that a packet of anybody else meets one rule of it, and
 * one rule in there an address, with its owner as comment:
 *
 *   -A POSTROUTING -s SUBNET ! -d SUBNET -m comment --comment "trestle NETWORK" -j TRESTLE-…
 *   -A TRESTLE-… -s ADDRESS ! -d MULTICAST -m comment --comment "NETWORK/CONTAINER/INTERFACE" -j MASQUERADE
 */

import { formatCidr, networkOf } from '../../address/cidr.ts';
import { hashHex } from '../../address/hash.ts';
import { BITS, type Family, formatIp } from '../../address/ip.ts';
import { Fault } from '../../fault.ts';
import { query, type Table } from '../../netlink/nft/batch.ts';
import { NFPROTO_IPV4, NFPROTO_IPV6 } from '../../netlink/nft/constants.ts';
import { getChain } from '../../netlink/nft/table.ts';
import { ENOENT } from '../../sys/errno.ts';
import { grouped } from '../grouped.ts';
import {
  commentOf,
  findPrograms,
  type Programs,
  quoted,
  type Refusal,
  restore,
  savedRules,
  type TableChanges,
} from '../iptables/iptables.ts';
import { legacyTableHolds } from '../iptables/legacy.ts';
import { NO_NFTABLES, nftIfThere } from '../nftables/nftables.ts';
import type { Node } from '../node.ts';
import { unlessRefused } from '../refused.ts';
import { findingOf } from '../resource.ts';
import type { MasqueradeDriver } from './driver.ts';
import { type FoundRules, findIptablesRules, namesOwner } from './iptables-rules.ts';
import type { Masqueraded } from './masquerade.ts';

export const iptablesDriver: MasqueradeDriver = {
  ensure(node, entry, live) {
    // iptables would add a rule that is there a second time.
    const chain = chainOf(entry);
    if (namesOwner(node, entry, chain) && isWhole(findIptablesRules(node, entry, chain))) return;
    if (!addIptablesMasquerade(node, entry)) restoreIptablesMasquerade(node, entry, live());
  },
  verify,
  remove: (node, entry) => mayHaveIptablesChain(node, entry) && removeIptablesMasquerade(node, entry),
  able,
};

const MULTICAST: Record<Family, string> = { 4: '224.0.0.0/4', 6: 'ff00::/8' };
const ATTEMPTS = 5;
const RESTORE =
  'The iptables rules were changed or flushed. Where nothing leads to the chain any more, the next ADD on this network ' +
  'restores what all its containers need; deleting and adding this one does, too.';

/** The comment of the rule that leads to a network's chain. */
export function networkComment(network: string): string {
  return `trestle ${network}`;
}

/**
 * Adds the address's rule, where its chain is there and led to: one process, and never half of it.
 * @returns whether it was; otherwise nothing is changed, see `restoreIptablesMasquerade`. @throws Fault
 */
export function addIptablesMasquerade(programs: Programs, entry: Masqueraded): boolean {
  return addition(programs, entry) === undefined;
}

/**
 * Makes the entry's chain with what others that are alive need in it, and those of their chains that nothing leads to any more:
 * the first time, or after somebody flushed the table. @throws Fault
 */
export function restoreIptablesMasquerade(programs: Programs, entry: Masqueraded, live: readonly Masqueraded[]): void {
  const chains = grouped([entry, ...live], chainOf);
  for (const [chain, entries] of chains) if (chain !== chainOf(entry)) makeChain(programs, entries);
  const own = chains.get(chainOf(entry)) ?? [entry];
  let refusal: Refusal | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (makeChain(programs, own) === undefined) return;
    // Another process was first.
    refusal = addition(programs, entry);
    if (refusal === undefined) return;
  }
  throw refusal?.fault;
}

/**
 * Removes the address's rule, and the chain with the last one: two transactions of one process, of which the second is
 * refused as long as the chain holds anything. @returns whether there was a rule. @throws Fault
 */
export function removeIptablesMasquerade(programs: Programs, entry: Masqueraded): boolean {
  const rules = rulesOf(entry);
  const removal = nat([`-D ${rules.address}`]);
  const refusal = restore(programs, entry.address.ip.family, 'default', removal, chainRemoval(rules));
  if (refusal === undefined || (refusal.line !== undefined && refusal.line > 3)) return true;
  if (isPresent(programs, entry)) throw refusal.fault;
  return false;
}

/**
 * Whether the kernel may have the chain of the address's network and subnet, in either flavour of iptables: where it has
 * not, there is nothing to remove. No program is run, and none need be installed. True where the tables cannot be read.
 */
function mayHaveIptablesChain(node: Node, entry: Masqueraded): boolean {
  const { family } = entry.address.ip;
  const chain = chainOf(entry);
  const table: Table = { family: family === 4 ? NFPROTO_IPV4 : NFPROTO_IPV6, name: 'nat' };
  try {
    const nft = nftIfThere(node);
    const inNft = nft && unlessRefused([ENOENT, ...NO_NFTABLES], () => query(nft, getChain(table, chain)));
    return inNft !== undefined || legacyTableHolds(family, 'nat', [chain]);
  } catch {
    return true;
  }
}

/** Without a program. @throws Fault `check` where one of the two rules is missing, KernelError, SystemError */
function verify(node: Node, entry: Masqueraded): void {
  const chain = chainOf(entry);
  const found = findIptablesRules(node, entry, chain);
  if (isWhole(found)) return;
  const inChain = found.some(({ isMasqueraded }) => isMasqueraded);
  const missing = inChain ? `no rule of POSTROUTING leads to ${chain}` : `${chain} has no rule for it`;
  const ip = formatIp(entry.address.ip);
  throw new Fault('check', `${ip} is not masqueraded: expected in iptables for ${entry.owner}, but ${missing}`, {
    details: RESTORE,
  });
}

function isWhole(found: readonly FoundRules[]): boolean {
  return found.some(({ isLedTo, isMasqueraded }) => isLedTo && isMasqueraded);
}

function able(node: Node, families: readonly Family[]): Fault | undefined {
  return findingOf(
    () => {
      for (const family of families) findPrograms(node, family, 'default');
    },
    () => true,
  );
}

interface Rules {
  readonly chain: string;
  /** What stands behind -A, -D or -C. */
  readonly jump: string;
  readonly address: string;
}

function rulesOf(entry: Masqueraded): Rules {
  const { network, address, owner } = entry;
  const { family } = address.ip;
  const subnet = formatCidr(networkOf(address));
  const chain = chainOf(entry);
  const outside = `-s ${subnet} ! -d ${subnet}`;
  const jump = `POSTROUTING ${outside} -m comment --comment ${quoted(networkComment(network))} -j ${chain}`;
  const source = `-s ${formatIp(address.ip)}/${BITS[family]} ! -d ${MULTICAST[family]}`;
  return { chain, jump, address: `${chain} ${source} -m comment --comment ${quoted(owner)} -j MASQUERADE` };
}

/** Refused where the chain is missing, or nothing leads to it. */
function addition(programs: Programs, entry: Masqueraded): Refusal | undefined {
  const { jump, address } = rulesOf(entry);
  return change(programs, entry, [`-C ${jump}`, `-A ${address}`]);
}

/**
 * Makes a chain with all its rules; one that is there and that nothing leads to has been flushed, and is made anew. One that is
 * led to cannot be removed, so that of several processes one makes it. (-N alone would not do: over nf_tables it does not mind a
 * chain that another process has made in the meantime, and the rules would be there twice.)
 */
function makeChain(programs: Programs, entries: readonly [Masqueraded, ...Masqueraded[]]): Refusal | undefined {
  const [first] = entries;
  const { chain, jump } = rulesOf(first);
  const additions = entries.map((entry) => `-A ${rulesOf(entry).address}`);
  // The first line makes the chain or empties it, so that it can be removed.
  return change(programs, first, [`:${chain} - [0:0]`, `-X ${chain}`, `-N ${chain}`, `-A ${jump}`, ...additions]);
}

/** 24 characters; iptables takes 28. */
function chainOf({ network, address }: Masqueraded): string {
  return `TRESTLE-${hashHex('masquerade', network, formatCidr(networkOf(address)))}`;
}

/** Refused where the chain is not empty. */
function chainRemoval({ jump, chain }: Rules): TableChanges {
  return nat([`-D ${jump}`, `-X ${chain}`]);
}

function change(programs: Programs, { address }: Masqueraded, commands: readonly string[]): Refusal | undefined {
  return restore(programs, address.ip.family, 'default', nat(commands));
}

function nat(commands: readonly string[]): TableChanges {
  return { table: 'nat', commands };
}

function isPresent(programs: Programs, entry: Masqueraded): boolean {
  const { address, owner } = entry;
  const chain = chainOf(entry);
  const rules = savedRules(programs, address.ip.family, 'default', 'nat');
  const source = ` -s ${formatIp(address.ip)}/`;
  return rules.some((rule) => rule.startsWith(`-A ${chain} `) && rule.includes(source) && commentOf(rule) === owner);
}
