/**
 * Masquerading through iptables. There is a chain for each network and subnet, so that a packet from another subnet meets one
 * rule of it, and in the chain a rule for each address, with its owner as comment:
 *
 *   -A POSTROUTING -s SUBNET ! -d SUBNET -m comment --comment "trestle NETWORK" -j TRESTLE-…
 *   -A TRESTLE-… -s ADDRESS ! -d MULTICAST -m comment --comment "NETWORK/CONTAINER/INTERFACE" -j MASQUERADE
 */

import { formatCidr, networkOf } from '../../address/cidr.ts';
import { hashHex } from '../../address/hash.ts';
import { BITS, type Family, formatIp } from '../../address/ip.ts';
import { tolerating } from '../../attempt.ts';
import { Fault } from '../../fault.ts';
import { grouped } from '../grouped.ts';
import { findPrograms, type Programs, quoted, type Refusal, restore, type TableChanges } from '../iptables/iptables.ts';
import type { Node } from '../node.ts';
import { findingOf } from '../resource.ts';
import type { MasqueradeDriver, Masqueraded } from './driver.ts';
import { type FoundRules, findIptablesRules, ownersInChain } from './iptables-rules.ts';

const MULTICAST: Record<Family, string> = { 4: '224.0.0.0/4', 6: 'ff00::/8' };
const ATTEMPTS = 5;
/** The most attempts at a removal: the second one does not see what another process has removed meanwhile. */
const REMOVALS = 2;
const RESTORE =
  'The iptables rules were changed or flushed. Where nothing leads to the chain any more, the next ADD on this network ' +
  'restores what all its containers need; deleting and adding this one does, too.';

interface Rules {
  readonly chain: string;
  /** What stands behind -A, -D or -C. */
  readonly jump: string;
  readonly address: string;
}

export const iptablesDriver: MasqueradeDriver = {
  ensure(node, entry, live) {
    if (!addIptablesMasquerade(node, entry)) restoreIptablesMasquerade(node, entry, live());
    else tolerating(node.log, () => addLost(node, entry, live));
  },
  verify,
  remove: removeIptablesMasquerade,
  owners: (node, subnet) => ownersInChain(node, subnet.address.ip.family, chainOf(subnet)),
  able,
};

/** The comment of the rule that leads to a network's chain. */
export function networkComment(network: string): string {
  return `trestle ${network}`;
}

/**
 * Adds the rule of the address, once, where its chain is there and a rule leads to the chain. One process does all of it or
 * nothing.
 * @returns whether it was added; if not, nothing is changed, and `restoreIptablesMasquerade` is needed. @throws Fault
 */
export function addIptablesMasquerade(programs: Programs, entry: Masqueraded): boolean {
  return addition(programs, entry) === undefined;
}

/**
 * Makes the chain of the entry with what the living attachments need in it, and those of their other chains to which no rule
 * leads any more: for the first entry, and after a flush of the table. @throws Fault
 */
export function restoreIptablesMasquerade(programs: Programs, entry: Masqueraded, live: readonly Masqueraded[]): void {
  const chains = grouped([entry, ...live], chainOf);
  for (const [chain, entries] of chains) if (chain !== chainOf(entry)) makeChain(programs, entries);
  const own = chains.get(chainOf(entry)) ?? [entry];
  let refusal: Refusal | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (makeChain(programs, own) === undefined) return;
    // Another process has made the chain.
    refusal = addition(programs, entry);
    if (refusal === undefined) return;
  }
  throw refusal?.fault;
}

/**
 * Removes every copy of the address's rule, in both flavours, and the chain with the last rule: two transactions of one
 * process, of which the second is refused as long as the chain holds a rule. Where there is no rule, no program is run, and
 * none need be installed. @returns whether there was a rule. @throws Fault, KernelError, SystemError
 */
export function removeIptablesMasquerade(node: Node, entry: Masqueraded): boolean {
  let removed = false;
  for (let attempt = 1; ; attempt++) {
    const found = findIptablesRules(node, entry, chainOf(entry)).filter(({ comments }) => comments.length > 0);
    const refusals = found.map((one) => removeFound(node, entry, one));
    removed ||= refusals.includes(undefined);
    const refusal = refusals.find((one) => one !== undefined);
    if (refusal === undefined) return removed;
    if (refusal.fault.kind === 'busy' || attempt === REMOVALS) throw refusal.fault;
  }
}

function removeFound(node: Node, entry: Masqueraded, { flavour, comments }: FoundRules): Refusal | undefined {
  const removal = nat(comments.map((owner) => `-D ${rulesOf({ ...entry, owner }).address}`));
  const { family } = entry.address.ip;
  return firstOf(removal, restore(node, family, flavour, removal, chainRemoval(rulesOf(entry))));
}

/** The refusal of the first of two transactions; undefined where the second was refused, or neither. */
function firstOf({ commands }: TableChanges, refusal: Refusal | undefined): Refusal | undefined {
  // The line of the table stands before the commands, and COMMIT behind them.
  return refusal?.line !== undefined && refusal.line > commands.length + 2 ? undefined : refusal;
}

/** Reads the rules, without a program. @throws Fault `check` where one of the two rules is missing, KernelError, SystemError */
function verify(node: Node, entry: Masqueraded): void {
  const chain = chainOf(entry);
  const found = findIptablesRules(node, entry, chain);
  const masqueraded = found.filter(({ comments }) => comments.length > 0);
  if (masqueraded.some(({ isLedTo }) => isLedTo)) return;
  const inChain = masqueraded.length > 0;
  const missing = inChain ? `no rule of POSTROUTING leads to ${chain}` : `${chain} has no rule for it`;
  const ip = formatIp(entry.address.ip);
  throw new Fault('check', `${ip} is not masqueraded: expected in iptables for ${entry.owner}, but ${missing}`, {
    details: RESTORE,
  });
}

function able(node: Node, families: readonly Family[]): Fault | undefined {
  return findingOf(
    () => {
      for (const family of families) findPrograms(node, family, 'default');
    },
    () => true,
  );
}

/**
 * Adds the rules that others of the network have lost. Every ADD looks, since the older tables do not tell whether they were
 * changed. What others lack is no reason to fail the ADD.
 */
function addLost(node: Node, entry: Masqueraded, live: () => readonly Masqueraded[]): void {
  const owners = node.owners?.() ?? [];
  const present = owners.length === 0 ? undefined : new Set(iptablesDriver.owners(node, entry));
  const missing = owners.filter((owner) => present?.has(owner) === false);
  if (missing.length === 0) return;
  const lost = live().filter((one) => missing.includes(one.owner) && chainOf(one) === chainOf(entry));
  for (const one of lost) if (findingOf(() => verify(node, one)) !== undefined) addIptablesMasquerade(node, one);
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

/**
 * Adds the rule of an address; refused where the chain is missing, or no rule leads to it. A second transaction of the same
 * process removes one of two copies; where there is one copy, that transaction is refused, since its last line finds none.
 */
function addition(programs: Programs, entry: Masqueraded): Refusal | undefined {
  const { jump, address } = rulesOf(entry);
  const added = nat([`-C ${jump}`, `-A ${address}`]);
  const once = nat([`-D ${address}`, `-C ${address}`]);
  return firstOf(added, restore(programs, entry.address.ip.family, 'default', added, once));
}

/**
 * Makes a chain with all its rules. A chain to which no rule leads has been flushed, and is made anew. A chain to which a rule
 * leads cannot be removed, so that one of several processes makes it. (-N alone would not do: over nf_tables it accepts a
 * chain that another process has made meanwhile, and the rules would be there twice.)
 */
function makeChain(programs: Programs, entries: readonly [Masqueraded, ...Masqueraded[]]): Refusal | undefined {
  const [first] = entries;
  const { chain, jump } = rulesOf(first);
  const additions = entries.map((entry) => `-A ${rulesOf(entry).address}`);
  // The first line makes the chain or empties it, so that it can be removed.
  return change(programs, first, [`:${chain} - [0:0]`, `-X ${chain}`, `-N ${chain}`, `-A ${jump}`, ...additions]);
}

/** The name of the chain, of 24 characters; iptables takes 28. */
function chainOf({ network, address }: Pick<Masqueraded, 'network' | 'address'>): string {
  return `TRESTLE-${hashHex('masquerade', network, formatCidr(networkOf(address)))}`;
}

/** Removes the chain and the rule that leads to it. Refused where the chain is not empty. */
function chainRemoval({ jump, chain }: Rules): TableChanges {
  return nat([`-D ${jump}`, `-X ${chain}`]);
}

function change(programs: Programs, { address }: Masqueraded, commands: readonly string[]): Refusal | undefined {
  return restore(programs, address.ip.family, 'default', nat(commands));
}

function nat(commands: readonly string[]): TableChanges {
  return { table: 'nat', commands };
}
