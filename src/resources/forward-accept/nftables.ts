/**
 * FORWARD of iptables over nf_tables: the table `ip filter`, or `ip6 filter`. The accept is written over netlink as iptables
 * would write it: that starts no process, and iptables shows the accept as its own.
 */

import type { Family } from '../../address/ip.ts';
import { Fault, reasonOf } from '../../fault.ts';
import type { Connection, Request } from '../../netlink/connection.ts';
import { isKernelError, unlessRefused } from '../../netlink/error.ts';
import { commit, query, readGeneration, type Table } from '../../netlink/nft/batch.ts';
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
import { matchNetwork, networkAt } from '../../netlink/nft/steps.ts';
import { type Chain, createChain, decodeChain, deleteChain, getChain, listChains } from '../../netlink/nft/table.ts';
import { CONNTRACK_REVISION, encodeStateMatch, isStateMatch } from '../../netlink/xt-conntrack.ts';
import { EBUSY, EEXIST, ENOENT, EOPNOTSUPP, ERESTART } from '../../sys/errno.ts';
import { NO_NFTABLES, nftIfThere } from '../nftables/nftables.ts';
import { type Accept, acceptChain, acceptedLink, FORWARD, isAcceptChain, STATE_LISTS } from './chain.ts';
import type { Change, Decide, ForwardAcceptDriver, ForwardView } from './driver.ts';
import { type Action, actionOfTarget, type ChainRule, forwardPath, leadsTo } from './path.ts';

/**
 * The most attempts at a change: transactions of other processes may come in between, those of 50 ADDs at once, for instance.
 */
const ATTEMPTS = 50;
/** The most attempts that end with ENOENT, where a chain or rule was removed since it was seen. */
const REFUSALS = 5;
/** Steps of a rule that are no condition. */
const UNCONDITIONAL = ['counter', 'log', 'immediate', 'reject', 'queue', 'target'];

/** The driver for iptables over nf_tables. The handle of a rule is the kernel's. */
export const nftDriver: ForwardAcceptDriver = {
  nameFor: (family) => `${family === 4 ? 'iptables' : 'ip6tables'} (nf_tables)`,
  read(node, family, link) {
    const connection = nftIfThere(node);
    return connection && viewOf(connection, family, link);
  },
  change(node, family, link, decide) {
    const connection = nftIfThere(node);
    if (connection !== undefined) changeUntilDone(connection, family, link, decide);
  },
  has(node, family, link) {
    const connection = nftIfThere(node);
    return connection !== undefined && findChain(connection, tableOf(family), acceptChain(link)) !== undefined;
  },
  acceptedLinks(node, family) {
    const connection = nftIfThere(node);
    const table = tableOf(family);
    const chains =
      connection && unlessRefused([ENOENT, ...NO_NFTABLES], () => query(connection, listChains(table.family)));
    const isAccept = (chain: Chain) => chain.table.name === table.name && isAcceptChain(chain.name);
    return (chains ?? [])
      .map(decodeChain)
      .filter(isAccept)
      .map(({ name }) => acceptedLink(name));
  },
  // Only a use shows whether the kernel has nft_compat and xt_conntrack: a question would load them.
  able: () => undefined,
};

/** Undefined where the table has no FORWARD, or one without rules whose policy accepts; that takes one request. */
function viewOf(connection: Connection, family: Family, link: string): ForwardView<RuleHandle> | undefined {
  const table = tableOf(family);
  const forward = findChain(connection, table, FORWARD);
  if (forward?.hook !== nft.NF_INET_FORWARD) return undefined;
  const policyDrops = forward.policy === nft.NF_DROP;
  if (forward.uses === 0 && !policyDrops) return undefined;
  const path = forwardPath({ policyDrops, rulesOf: (chain) => readRules(connection, table, chain).map(chainRule) });
  const name = acceptChain(link);
  return {
    path,
    ways: path.met.filter((rule) => leadsTo(rule, name)).length,
    accepts: () => readRules(connection, table, name).map((rule) => acceptOf(rule, family, link)),
  };
}

/** Looks and changes. Where another program has changed the ruleset meanwhile, the generation tells, and it looks again. */
function changeUntilDone(connection: Connection, family: Family, link: string, decide: Decide): void {
  for (let attempt = 1; ; attempt++) {
    try {
      const generation = readGeneration(connection);
      const change = decide(() => viewOf(connection, family, link));
      const requests = change === undefined ? [] : requestsFor(connection, family, link, change);
      if (requests.length > 0) commit(connection, requests, generation);
      return;
    } catch (error) {
      if (isKernelError(error, ENOENT, EOPNOTSUPP) && attempt > REFUSALS) throw withoutExtensions(link, error);
      if (attempt === ATTEMPTS || !isKernelError(error, EEXIST, ENOENT, EBUSY, ERESTART)) throw error;
    }
  }
}

/** The Fault of a kernel without nft_compat or xt_conntrack, which refuses the accept of replies. */
function withoutExtensions(link: string, cause: unknown): Fault {
  return new Fault('kernel', `cannot accept what ${link} forwards: ${reasonOf(cause)}`, {
    cause,
    details: 'It needs the kernel modules nft_compat and xt_conntrack.',
  });
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

function requestsFor(
  connection: Connection,
  family: Family,
  link: string,
  { place, accepts }: Change<RuleHandle>,
): Request[] {
  const table = tableOf(family);
  const chain = acceptChain(link);
  const removed = findChain(connection, table, chain) === undefined ? [] : removals(connection, table, chain);
  if (place === undefined) return removed;
  const comment = `trestle ${link}`;
  const rules = accepts.map((accept) =>
    appendRule({ table, chain, expressions: expressionsOf(link, accept), comment }),
  );
  const way = { table, chain: place.chain, expressions: [steps.counter(), steps.jumpTo(chain)], comment };
  const jump = place.before === undefined ? appendRule(way) : insertRule(way, place.before);
  return [...removed, createChain(table, chain), ...rules, jump];
}

/** Removes the chain with its rules, and the rules that lead to it, wherever they stand. */
function removals(connection: Connection, table: Table, name: string): Request[] {
  const rules = query(connection, listTableRules(table)).map(decodeRule);
  const ways = rules.filter((rule) => steps.verdictOf(rule.expressions)?.chain === name);
  return [
    ...ways.map(({ chain, handle }) => deleteRule(table, chain, handle)),
    flushChain(table, name),
    deleteChain(table, name),
  ];
}

function expressionsOf(link: string, { direction, states, destination }: Accept): Expression[] {
  const match =
    states.length === 0 ? [] : [steps.matchExtension('conntrack', CONNTRACK_REVISION, encodeStateMatch(states))];
  const to = destination === undefined ? [] : matchNetwork('destination', destination);
  return [...steps.matchInterface(direction, link), ...to, ...match, steps.counter(), steps.accept()];
}

/** The accept that `expressionsOf`, or iptables, would write as this rule; undefined where there is none. */
function acceptOf({ expressions }: KernelRule, family: Family, link: string): Accept | undefined {
  const said = expressions.filter((step) => step.name !== 'counter' && !isComment(step));
  const via = steps.interfaceOf(said[0], said[1]);
  const [conditions, end] = [said.slice(2, -1), said.slice(-1)];
  if (via?.name !== link || steps.verdictOf(end)?.code !== nft.NF_ACCEPT) return undefined;
  const { direction } = via;
  if (conditions.length === 0) return { direction, states: [] };
  const destination = conditions.length <= 3 ? networkAt('destination', family, conditions) : undefined;
  if (destination !== undefined) return { direction, states: [], destination };
  const [match, ...others] = conditions;
  const isConntrack = match?.name === 'match' && match.extension === 'conntrack' && others.length === 0;
  const states = isConntrack ? STATE_LISTS.find((list) => isStateMatch(match.info, list)) : undefined;
  return states && { direction, states };
}

/** iptables writes a comment as a match when it restores saved rules. */
function isComment(step: Expression): boolean {
  return step.name === 'match' && step.extension === 'comment';
}

function chainRule(rule: KernelRule): ChainRule<RuleHandle> {
  const isConditional = rule.expressions.some((step) => !UNCONDITIONAL.includes(step.name) && !isComment(step));
  const via = steps.interfaceOf(rule.expressions[0], rule.expressions[1]);
  return {
    handle: rule.handle,
    isConditional,
    input: via?.direction === 'in' ? via.name : undefined,
    isPhysdev: rule.expressions.some((step) => step.name === 'match' && step.extension === 'physdev'),
    action: actionOf(rule),
  };
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
  // A look-up may be in a verdict map.
  return names.includes('lookup') ? 'unknown' : 'continue';
}
