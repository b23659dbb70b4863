/**
 * A chain of ours with one rule, and the rules of base chains that lead to it. The kernel counts how many rules are in a
 * chain and lead to it, and tells the number in one small answer, whatever else is in the ruleset; and each set has an
 * anchor, an element that nothing ever matches. So an ADD sees at the cost of one exchange whether somebody has removed or
 * flushed any of it since.
 */

import { type Connection, execute, type Request } from '../../netlink/connection.ts';
import { isKernelError } from '../../netlink/error.ts';
import { commit, query } from '../../netlink/nft/batch.ts';
import { createChain, decodeChain, deleteChain, getChain } from '../../netlink/nft/chain.ts';
import type { Expression } from '../../netlink/nft/expression.ts';
import { appendRule, deleteRule, type RuleHandle } from '../../netlink/nft/rule.ts';
import * as sets from '../../netlink/nft/set.ts';
import * as tables from '../../netlink/nft/table.ts';
import { EBUSY, EEXIST, ENOENT } from '../../sys/errno.ts';
import { type OwnedElement, passing } from './elements.ts';
import { labelledRules } from './labelled-rules.ts';

export interface Branch {
  /** Its name, and the comment of all its rules. */
  readonly chain: string;
  readonly sets: readonly sets.NftSet[];
  readonly anchors: readonly OwnedElement[];
  readonly entrances: readonly Entrance[];
  /** The expressions of the rule in the chain. Rarely wanted, so they are made when they are. */
  rule(): readonly Expression[];
}

/** A rule that leads to the chain. */
export interface Entrance {
  readonly base: tables.BaseChain;
  expressions(): readonly Expression[];
}

const ATTEMPTS = 10;
/** Elements a transaction: a datagram of 100 is some 15 kB, far below what a socket takes. */
const AT_ONCE = 100;

/**
 * Puts new elements into the branch's sets, all or none, and creates what is missing around them. `makeWay` removes what
 * may be left there by somebody who is gone.
 * @throws KernelError; nothing is changed then
 */
export function placeElements(
  connection: Connection,
  branch: Branch,
  elements: readonly OwnedElement[],
  makeWay: () => void,
): void {
  for (let attempt = 1; ; attempt++) {
    try {
      commit(
        connection,
        elements.map(({ set, key, owner }) => sets.addElement(set, key, owner)),
      );
      return;
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      if (isKernelError(error, EEXIST)) makeWay();
      else if (isKernelError(error, ENOENT)) rebuild(connection, branch);
      else throw error;
    }
  }
}

/** Makes whatever is missing of the branch, and puts in the elements that are to be there. @throws KernelError */
export function restoreBranch(connection: Connection, branch: Branch, elements: readonly OwnedElement[]): void {
  // The anchors last: where this is cut short, the next one begins again.
  const missing = [...elements, ...branch.anchors].map(({ set, key, owner }) => sets.ensureElement(set, key, owner));
  for (let attempt = 1; ; attempt++) {
    if (useOf(connection, branch) !== fullUse(branch)) rebuild(connection, branch);
    const done = passing(attempt === ATTEMPTS ? [] : ENOENT, () => {
      for (let at = 0; at < missing.length; at += AT_ONCE) commit(connection, missing.slice(at, at + AT_ONCE));
    });
    if (done) return;
  }
}

/** What is missing of the branch's rules, to stand behind a colon; undefined where all are there. @throws KernelError */
export function missingRule(connection: Connection, branch: Branch): string | undefined {
  const use = useOf(connection, branch);
  if (use === fullUse(branch)) return undefined;
  if (use === undefined) return `the nftables chain ${branch.chain} is missing`;
  const lacking = basesOf(branch).find(
    (base) =>
      rulesAt(connection, branch, base).length < branch.entrances.filter((entrance) => entrance.base === base).length,
  );
  if (lacking !== undefined) return `no rule of the nftables chain ${lacking.name} leads to the chain ${branch.chain}`;
  return use < fullUse(branch) ? `the nftables chain ${branch.chain} has no rule` : undefined;
}

/**
 * Whether nobody has removed or flushed any of the branch: else others may lack their elements, see `restoreBranch`.
 * Asked in one datagram, which is refused as a whole where one of the anchors is missing. @throws KernelError
 */
export function isWhole(connection: Connection, branch: Branch): boolean {
  const anchors = branch.anchors.map(({ set, key }) => sets.getElement(set, key));
  let use: number | undefined;
  passing(ENOENT, () => {
    const [[chain] = []] = execute(connection, getChain(tableOf(branch), branch.chain), ...anchors);
    use = chain && decodeChain(chain).uses;
  });
  return use === fullUse(branch);
}

function useOf(connection: Connection, branch: Branch): number | undefined {
  let use: number | undefined;
  passing(ENOENT, () => {
    const [chain] = query(connection, getChain(tableOf(branch), branch.chain));
    use = chain && decodeChain(chain).uses;
  });
  return use;
}

/** The rule inside, and one for each entrance. */
function fullUse({ entrances }: Branch): number {
  return 1 + entrances.length;
}

/**
 * Makes the rules anew, in one transaction with the removal of those that are left. Sets and their elements stay. Another
 * process may do the same at the same time: chains are created exclusively and rules removed by their handles, so the
 * second one is refused as a whole.
 */
function rebuild(connection: Connection, branch: Branch): void {
  const table = tableOf(branch);
  const { chain } = branch;
  const left = basesOf(branch).flatMap((base) =>
    rulesAt(connection, branch, base).map((handle) => deleteRule(table, base.name, handle)),
  );
  if (useOf(connection, branch) !== undefined) left.push(deleteChain(table, chain));
  passing([EEXIST, ENOENT, EBUSY], () => commit(connection, [...left, ...createBranch(branch)]));
}

/** All of the branch but its elements. */
export function createBranch(branch: Branch): Request[] {
  const { chain, entrances, rule } = branch;
  const table = tableOf(branch);
  return [
    tables.ensureTable(table),
    ...basesOf(branch).map(tables.ensureChain),
    ...branch.sets.map((set, at) => sets.ensureSet(set, at + 1)),
    createChain(table, chain),
    appendRule({ table, chain, expressions: rule(), comment: chain }),
    ...entrances.map(({ base, expressions }) =>
      appendRule({ table, chain: base.name, expressions: expressions(), comment: chain }),
    ),
  ];
}

/** Several entrances may be in one chain. */
function basesOf({ entrances }: Branch): tables.BaseChain[] {
  return [...new Set(entrances.map(({ base }) => base))];
}

function rulesAt(connection: Connection, { chain }: Branch, base: tables.BaseChain): RuleHandle[] {
  return labelledRules(connection, base.table, base.name, chain);
}

function tableOf({ entrances }: Branch) {
  return (entrances[0] as Entrance).base.table;
}
