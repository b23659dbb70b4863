/**
 * FORWARD of iptables over nf_tables: the table `ip filter`, or `ip6 filter`. The accept is put there over netlink, as
 * iptables would, so that it starts no process and iptables shows it as its own.
 */

import type { Family } from '../../address/ip.ts';
import type { Connection, Request } from '../../netlink/connection.ts';
import { isKernelError } from '../../netlink/error.ts';
import { commit, query, readGeneration, type Table } from '../../netlink/nft/batch.ts';
import { type Chain, createChain, decodeChain, deleteChain, getChain } from '../../netlink/nft/chain.ts';
import * as nft from '../../netlink/nft/constants.ts';
import type { Expression } from '../../netlink/nft/expression.ts';
import {
  appendRule,
  decodeRule,
  deleteRule,
  flushChain,
  insertRule,
  type KernelRule,
  listRules,
  listTableRules,
  type RuleHandle,
} from '../../netlink/nft/rule.ts';
import * as steps from '../../netlink/nft/steps.ts';
import { CONNTRACK_REVISION, encodeStateMatch, isStateMatch } from '../../netlink/xt-conntrack.ts';
import { EBUSY, EEXIST, ENOENT, ERESTART } from '../../sys/errno.ts';
import { NO_NFTABLES } from '../nftables/nftables.ts';
import { unlessRefused } from '../refused.ts';
import { type Accept, acceptChain, acceptsOf, FORWARD, type ForwardMode } from './chain.ts';
import {
  type Action,
  actionOfTarget,
  type ChainRule,
  type ForwardPath,
  forwardPath,
  leadsTo,
  type Place,
  type Standing,
  standingOf,
} from './path.ts';

/** Other transactions may come between a look and a change: those of 50 ADDs at once, for instance. */
const ATTEMPTS = 50;
/** Steps of a rule that are no condition. */
const UNCONDITIONAL = ['counter', 'log', 'immediate', 'reject', 'queue', 'target'];

/** How things stand for a bridge in one family. */
export interface NftForward {
  readonly path: ForwardPath<RuleHandle>;
  readonly standing: Standing;
}

/**
 * Follows the packets of the bridge. Undefined where the table has no FORWARD, or one without rules that accepts: that
 * takes one question. @throws KernelError
 */
export function readNftForward(connection: Connection, family: Family, bridge: string): NftForward | undefined {
  const table = tableOf(family);
  const forward = findChain(connection, table, FORWARD);
  if (forward?.hook !== nft.NF_INET_FORWARD) return undefined;
  const policyDrops = forward.policy === nft.NF_DROP;
  if (forward.uses === 0 && !policyDrops) return undefined;
  const rulesOf = (chain: string) => readRules(connection, table, chain).map(chainRule);
  const path = forwardPath({ policyDrops, rulesOf });
  return { path, standing: standingOf(path, bridge) };
}

/** Whether the chain of the bridge holds the rules of the mode, and no others. @throws KernelError */
export function hasNftAccepts(connection: Connection, family: Family, bridge: string, mode: ForwardMode): boolean {
  const rules = readRules(connection, tableOf(family), acceptChain(bridge));
  const wanted = acceptsOf(mode);
  return (
    rules.length === wanted.length && wanted.every((accept, at) => isAccept(rules[at] as KernelRule, bridge, accept))
  );
}

/**
 * Puts the accept where the bridge's packets would be dropped, behind whatever may deny them; takes it out where nothing
 * drops and it overrules a rule. @throws KernelError
 */
export function ensureNftAccept(connection: Connection, family: Family, bridge: string, mode: ForwardMode): void {
  if (isDone(connection, family, bridge, mode, readNftForward(connection, family, bridge))) return;
  retried(() => {
    const generation = readGeneration(connection);
    const seen = readNftForward(connection, family, bridge);
    if (isDone(connection, family, bridge, mode, seen)) return;
    const place = seen?.path.drop?.place;
    const table = tableOf(family);
    const own = findChain(connection, table, acceptChain(bridge));
    const removed = own === undefined ? [] : removals(connection, table, bridge);
    const made = place === undefined ? [] : [...creations(table, bridge, mode), jump(table, bridge, place)];
    commit(connection, [...removed, ...made], generation);
  });
}

/** Takes the accept out. @throws KernelError */
export function removeNftAccept(connection: Connection, family: Family, bridge: string): void {
  const table = tableOf(family);
  retried(() => {
    if (findChain(connection, table, acceptChain(bridge)) === undefined) return;
    commit(connection, removals(connection, table, bridge));
  });
}

function isDone(
  connection: Connection,
  family: Family,
  bridge: string,
  mode: ForwardMode,
  seen: NftForward | undefined,
): boolean {
  if (seen === undefined || seen.standing === 'not needed') return true;
  const ways = seen.path.met.filter((rule) => leadsTo(rule, acceptChain(bridge)));
  return seen.standing === 'in place' && ways.length === 1 && hasNftAccepts(connection, family, bridge, mode);
}

function tableOf(family: Family): Table {
  return { family: family === 4 ? nft.NFPROTO_IPV4 : nft.NFPROTO_IPV6, name: 'filter' };
}

function findChain(connection: Connection, table: Table, name: string): Chain | undefined {
  const reply = unlessRefused([ENOENT, ...NO_NFTABLES], () => query(connection, getChain(table, name)))?.[0];
  return reply && decodeChain(reply);
}

function readRules(connection: Connection, table: Table, chain: string): KernelRule[] {
  return (unlessRefused([ENOENT], () => query(connection, listRules(table, chain))) ?? []).map(decodeRule);
}

/** The chain with its rules, and the rules that lead to it, wherever they stand. */
function removals(connection: Connection, table: Table, bridge: string): Request[] {
  const name = acceptChain(bridge);
  const rules = query(connection, listTableRules(table)).map(decodeRule);
  const ways = rules.filter((rule) => steps.verdictOf(rule.expressions)?.chain === name);
  return [
    ...ways.map(({ chain, handle }) => deleteRule(table, chain, handle)),
    flushChain(table, name),
    deleteChain(table, name),
  ];
}

function creations(table: Table, bridge: string, mode: ForwardMode): Request[] {
  const chain = acceptChain(bridge);
  const rules = acceptsOf(mode).map((accept) => acceptExpressions(bridge, accept));
  const comment = commentFor(bridge);
  return [createChain(table, chain), ...rules.map((expressions) => appendRule({ table, chain, expressions, comment }))];
}

function jump(table: Table, bridge: string, { chain, before }: Place<RuleHandle>): Request {
  const expressions = [steps.counter(), steps.jumpTo(acceptChain(bridge))];
  const rule = { table, chain, expressions, comment: commentFor(bridge) };
  return before === undefined ? appendRule(rule) : insertRule(rule, before);
}

function acceptExpressions(bridge: string, { direction, states }: Accept): Expression[] {
  const match =
    states.length === 0 ? [] : [steps.matchExtension('conntrack', CONNTRACK_REVISION, encodeStateMatch(states))];
  return [...steps.matchInterface(direction, bridge), ...match, steps.counter(), steps.accept()];
}

/** Whether a rule says what `acceptExpressions` would. */
function isAccept({ expressions }: KernelRule, bridge: string, { direction, states }: Accept): boolean {
  const said = expressions.filter(({ name }) => name !== 'counter');
  const via = steps.interfaceOf(said[0], said[1]);
  const match = said[2];
  const isMatched = match?.name === 'match' && match.extension === 'conntrack' && isStateMatch(match.info, states);
  return (
    said.length === (states.length === 0 ? 3 : 4) &&
    via?.direction === direction &&
    via.name === bridge &&
    (states.length === 0 || isMatched) &&
    steps.verdictOf(said.slice(-1))?.code === nft.NF_ACCEPT
  );
}

function chainRule(rule: KernelRule): ChainRule<RuleHandle> {
  const isConditional = rule.expressions.some(
    (step) => !UNCONDITIONAL.includes(step.name) && !(step.name === 'match' && step.extension === 'comment'),
  );
  return { handle: rule.handle, isConditional, action: actionOf(rule) };
}

function actionOf({ expressions }: KernelRule): Action {
  const names = expressions.map(({ name }) => name);
  if (names.includes('reject')) return 'drop';
  if (names.includes('queue')) return 'queue';
  const verdict = steps.verdictOf(expressions);
  if (verdict?.chain !== undefined) return { chain: verdict.chain, goto: verdict.code === nft.NFT_GOTO };
  if (verdict?.code === nft.NF_ACCEPT) return 'accept';
  if (verdict?.code === nft.NF_DROP) return 'drop';
  if (verdict?.code === nft.NFT_RETURN) return 'return';
  const target = expressions.find(({ name }) => name === 'target');
  if (target?.name === 'target') return actionOfTarget(target.extension);
  // Verdict maps, and what is not known here.
  return names.includes('lookup') ? 'unknown' : 'continue';
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
      if (attempt === ATTEMPTS || !isKernelError(error, EEXIST, ENOENT, EBUSY, ERESTART)) throw error;
    }
  }
}
