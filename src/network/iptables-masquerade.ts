/**
 * Masquerading through iptables. One chain a network and subnet, so that a packet of anybody else meets one rule of it, and
 * one rule in there an address, with its owner as comment:
 *
 *   -A POSTROUTING -s SUBNET ! -d SUBNET -m comment --comment "trestle NETWORK" -j TRESTLE-…
 *   -A TRESTLE-… -s ADDRESS ! -d MULTICAST -m comment --comment "NETWORK/CONTAINER/INTERFACE" -j MASQUERADE
 */

import { type Cidr, formatCidr, networkOf } from '../address/cidr.ts';
import { hashHex } from '../address/hash.ts';
import { BITS, type Family, formatIp } from '../address/ip.ts';
import { Fault } from '../fault.ts';
import type { Masqueraded } from './masquerade.ts';
import { commentOf, type Programs, quoted, type Refusal, restore, savedRules, type TableChanges } from './xtables.ts';

const MULTICAST: Record<Family, string> = { 4: '224.0.0.0/4', 6: 'ff00::/8' };
const ATTEMPTS = 5;
const RESTORE = 'The iptables rules were changed or flushed; deleting and adding the attachment restores them.';

/** The comment of the rule that leads to a network's chain. */
export function networkComment(network: string): string {
  return `trestle ${network}`;
}

/**
 * Adds the address's rule; creates the chain around it where that is missing. One process where it is there, and never
 * half of it. @throws Fault
 */
export function ensureIptablesMasquerade(programs: Programs, entry: Masqueraded): void {
  const rules = rulesOf(entry);
  let refusal: Refusal | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (change(programs, entry, [`-A ${rules.address}`]) === undefined) return;
    // Another process may create or remove the chain at the same time: either is refused as a whole, and tried again.
    refusal = change(programs, entry, [`-N ${rules.chain}`, `-A ${rules.jump}`, `-A ${rules.address}`]);
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

/** @throws Fault `check` where one of the two rules is missing */
export function verifyIptablesMasquerade(programs: Programs, entry: Masqueraded): void {
  const rules = rulesOf(entry);
  if (change(programs, entry, [`-C ${rules.address}`, `-C ${rules.jump}`]) === undefined) return;
  const inChain = change(programs, entry, [`-C ${rules.address}`]) === undefined;
  const missing = inChain ? `no rule of POSTROUTING leads to ${rules.chain}` : `${rules.chain} has no rule for it`;
  const ip = formatIp(entry.address.ip);
  throw new Fault('check', `${ip} is not masqueraded: expected in iptables for ${entry.owner}, but ${missing}`, {
    details: RESTORE,
  });
}

interface Rules {
  readonly chain: string;
  /** What stands behind -A, -D or -C. */
  readonly jump: string;
  readonly address: string;
}

function rulesOf({ network, address, owner }: Masqueraded): Rules {
  const { family } = address.ip;
  const subnet = formatCidr(networkOf(address));
  const chain = chainOf(network, address);
  const outside = `-s ${subnet} ! -d ${subnet}`;
  const jump = `POSTROUTING ${outside} -m comment --comment ${quoted(networkComment(network))} -j ${chain}`;
  const source = `-s ${formatIp(address.ip)}/${BITS[family]} ! -d ${MULTICAST[family]}`;
  return { chain, jump, address: `${chain} ${source} -m comment --comment ${quoted(owner)} -j MASQUERADE` };
}

/** 24 characters; iptables takes 28. */
function chainOf(network: string, address: Cidr): string {
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

function isPresent(programs: Programs, { network, address, owner }: Masqueraded): boolean {
  const chain = chainOf(network, address);
  const rules = savedRules(programs, address.ip.family, 'default', 'nat');
  const source = ` -s ${formatIp(address.ip)}/`;
  return rules.some((rule) => rule.startsWith(`-A ${chain} `) && rule.includes(source) && commentOf(rule) === owner);
}
