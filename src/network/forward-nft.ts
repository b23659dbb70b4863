/**
 * FORWARD of iptables over nf_tables: the table `ip filter`, or `ip6 filter`. The accept is put there over netlink, as
 * iptables would, so that it starts no process and iptables shows it as its own.
 */

import type { Family } from '../address/ip.ts';
import type { Connection, Request } from '../netlink/connection.ts';
import { isKernelError } from '../netlink/error.ts';
import { commit, query, type Table } from '../netlink/nft/batch.ts';
import { type Chain, createChain, decodeChain, deleteChain, getChain } from '../netlink/nft/chain.ts';
import { NF_DROP, NF_INET_FORWARD, NFPROTO_IPV4, NFPROTO_IPV6 } from '../netlink/nft/constants.ts';
import * as expression from '../netlink/nft/expression.ts';
import { appendRule, insertRule, listRules } from '../netlink/nft/rule.ts';
import { decodeRule, fateOf, listTableRules, type ReadRule, verdictOf } from '../netlink/nft/rule-reading.ts';
import { deleteRule, flushChain } from '../netlink/nft/rule-removal.ts';
import { EBUSY, EEXIST, ENOENT } from '../sys/errno.ts';
import { acceptChain, FORWARD, RULES } from './accept-chain.ts';
import { type Drop, dropOf, type ForwardRule, placeFor } from './forward-drop.ts';
import { NO_NFTABLES } from './nftables.ts';
import { unlessRefused } from './refused.ts';

const ATTEMPTS = 10;

/** What drops there that no rule accepts, if anything does. Its rules are asked for where it has some. @throws KernelError */
export function dropInNft(nft: Connection, family: Family): Drop | undefined {
  const table = tableOf(family);
  const forward = findChain(nft, table, FORWARD);
  if (forward?.hook !== NF_INET_FORWARD) return undefined;
  if (forward.policy === NF_DROP) return 'policy';
  return forward.uses === 0 ? undefined : dropOf(forwardRules(nft, table), false);
}

/** Puts the accept in, once for the bridge, whoever else does the same. @throws KernelError */
export function ensureNftAccept(nft: Connection, family: Family, bridge: string): void {
  const table = tableOf(family);
  retried(() => {
    const own = findChain(nft, table, acceptChain(bridge));
    // Its rules and the one that leads to it are all counted in one number, so that one question tells.
    if (own?.uses === RULES + 1) return;
    commit(nft, own === undefined ? creation(nft, table, bridge) : repair(nft, table, bridge));
  });
}

/** Takes the accept out. @throws KernelError */
export function removeNftAccept(nft: Connection, family: Family, bridge: string): void {
  const table = tableOf(family);
  const name = acceptChain(bridge);
  retried(() => {
    if (findChain(nft, table, name) === undefined) return;
    commit(nft, [...jumpsTo(nft, table, name).map(removal(table)), flushChain(table, name), deleteChain(table, name)]);
  });
}

/** Whether the accept is whole, by its rules. @throws KernelError */
export function isAcceptedInNft(nft: Connection, family: Family, bridge: string): boolean {
  const table = tableOf(family);
  const name = acceptChain(bridge);
  const rules = unlessRefused([ENOENT], () => query(nft, listRules(table, name))) ?? [];
  return rules.length === RULES && jumpsTo(nft, table, name).length > 0;
}

function tableOf(family: Family): Table {
  return { family: family === 4 ? NFPROTO_IPV4 : NFPROTO_IPV6, name: 'filter' };
}

function findChain(nft: Connection, table: Table, name: string): Chain | undefined {
  const reply = unlessRefused([ENOENT, ...NO_NFTABLES], () => query(nft, getChain(table, name)))?.[0];
  return reply && decodeChain(reply);
}

/** All or nothing, and refused where another process was first: the chain is created exclusively. */
function creation(nft: Connection, table: Table, bridge: string): Request[] {
  const name = acceptChain(bridge);
  const expressions = [expression.counter(), expression.jumpTo(name)];
  const jump = { table, chain: placeFor(forwardRules(nft, table)), expressions, comment: commentFor(bridge) };
  return [createChain(table, name), ...accepts(table, bridge), insertRule(jump)];
}

/** The chain is there: its rules were flushed, or the one that leads to it. */
function repair(nft: Connection, table: Table, bridge: string): Request[] {
  const name = acceptChain(bridge);
  const [first, ...more] = jumpsTo(nft, table, name);
  const emptied = flushChain(table, name);
  // Deleting the chain is refused if another process has put the jump in meanwhile.
  if (first === undefined) return [emptied, deleteChain(table, name), ...creation(nft, table, bridge)];
  return [emptied, ...accepts(table, bridge), ...more.map(removal(table))];
}

function accepts(table: Table, bridge: string): Request[] {
  return (['in', 'out'] as const).map((direction) => {
    const match = expression.matchInterface(direction, bridge);
    const expressions = [...match, expression.counter(), expression.accept()];
    return appendRule({ table, chain: acceptChain(bridge), expressions, comment: commentFor(bridge) });
  });
}

function forwardRules(nft: Connection, table: Table): ForwardRule[] {
  const rules = unlessRefused([ENOENT], () => query(nft, listRules(table, FORWARD))) ?? [];
  return rules.map(decodeRule).map((rule) => ({ fate: fateOf(rule), target: verdictOf(rule)?.chain }));
}

function jumpsTo(nft: Connection, table: Table, name: string): ReadRule[] {
  const rules = query(nft, listTableRules(table)).map(decodeRule);
  return rules.filter((rule) => verdictOf(rule)?.chain === name);
}

function removal(table: Table) {
  return ({ chain, handle }: ReadRule) => deleteRule(table, chain, handle);
}

function commentFor(bridge: string): string {
  return `trestle ${bridge}`;
}

/** What was seen may be otherwise by the time of the change: then it is looked at again. */
function retried(act: () => void): void {
  for (let attempt = 1; ; attempt++) {
    try {
      act();
      return;
    } catch (error) {
      if (attempt === ATTEMPTS || !isKernelError(error, EEXIST, ENOENT, EBUSY)) throw error;
    }
  }
}
