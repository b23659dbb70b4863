/**
 * What a branch declares against what the kernel has. Rules are compared as values, and one transaction mends the difference. It
 * is made for the generation of the ruleset that was looked at: if anything has changed it meanwhile, the kernel refuses it.
 *
 * An ADD does none of that. The kernel counts the rules in a chain and those that lead to it, and tells the number in one small
 * answer. So an ADD sees at the cost of one exchange whether anything was removed or flushed since the last one.
 */

import { type Connection, executeUnlessRefused, type Request } from '../../netlink/connection.ts';
import { commit, getGeneration, query, type Table } from '../../netlink/nft/batch.ts';
import { sameExpressions } from '../../netlink/nft/expression.ts';
import {
  appendRule,
  decodeRule,
  decodeRuleComment,
  deleteRule,
  type KernelRule,
  listRules,
  type Rule,
} from '../../netlink/nft/rule.ts';
import { getElement } from '../../netlink/nft/set.ts';
import { type BaseChain, decodeChain, getChain } from '../../netlink/nft/table.ts';
import { ENOENT, ERESTART } from '../../sys/errno.ts';
import { unlessRefused } from '../refused.ts';
import {
  type Branch,
  basesOf,
  createBranch,
  entrancesAt,
  fullUse,
  labelOf,
  ruleInside,
  surroundings,
  tableOf,
} from './branch.ts';
import { noteGeneration } from './generation.ts';

/** What one small exchange says of a branch. */
export interface Glance {
  /** Of the ruleset, before anything else was looked at. */
  readonly generation: number;
  /** `missing`: the kernel has no such chain; `damaged`: a rule or an anchor was removed or flushed, or there is a rule too many. */
  readonly state: 'whole' | 'damaged' | 'missing';
}

/** Where a branch is not whole, other attachments may lack their elements, too. @throws KernelError */
export function glanceAt(connection: Connection, branch: Branch): Glance {
  const questions = branch.anchors.map(({ set, key }) => getElement(set, key));
  const [generation, chain, ...anchors] = executeUnlessRefused(
    connection,
    [ENOENT],
    getGeneration(),
    getChain(tableOf(branch), branch.chain),
    ...questions,
  );
  const uses = chain?.[0] && decodeChain(chain[0]).uses;
  const isWhole = uses === fullUse(branch) && !anchors.includes(undefined);
  const state = uses === undefined ? 'missing' : isWhole ? 'whole' : 'damaged';
  return { generation: noteGeneration(connection, generation), state };
}

/** Makes the rules what the branch declares, unless somebody changes the ruleset meanwhile. @returns whether they are. @throws KernelError */
export function mend(connection: Connection, branch: Branch): boolean {
  const { generation, uses, inside } = look(connection, branch);
  const changes = uses === undefined ? createBranch(branch) : differences(connection, branch, inside);
  return changes.length === 0 || commitFor(connection, changes, generation);
}

/** @returns false where the ruleset is of another generation by now. @throws KernelError */
export function commitFor(connection: Connection, changes: readonly Request[], generation: number): boolean {
  const done = unlessRefused([ERESTART], () => {
    commit(connection, changes, generation);
    return true;
  });
  return done === true;
}

/** What is off about the branch's rules, to stand behind a colon; undefined where all are as declared. @throws KernelError */
export function rulesFinding(connection: Connection, branch: Branch): string | undefined {
  const { chain } = branch;
  const { uses, inside } = look(connection, branch);
  if (uses === undefined) return `the nftables chain ${chain} is missing`;
  for (const base of basesOf(branch)) {
    const { missing, surplus } = compare(entrancesAt(branch, base), labelledRules(connection, base, chain));
    if (missing.length > surplus.length)
      return `no rule of the nftables chain ${base.name} leads to the chain ${chain}`;
    if (surplus.length > 0) return `the rule of the nftables chain ${base.name} for the chain ${chain} was changed`;
  }
  const { missing, surplus } = compare([ruleInside(branch)], inside);
  if (missing.length > surplus.length) return `the nftables chain ${chain} has no rule`;
  return surplus.length > 0 ? `the rules of the nftables chain ${chain} were changed` : undefined;
}

/** The rules of a chain that bear our label for another one; those of 0.1.0 bear its whole name. @throws KernelError */
export function labelledRules(
  connection: Connection,
  { table, name }: Pick<BaseChain, 'table' | 'name'>,
  chain: string,
): KernelRule[] {
  const labels: unknown[] = [labelOf(chain), chain];
  const rules = unlessRefused([ENOENT], () => query(connection, listRules(table, name))) ?? [];
  return rules.filter((rule) => labels.includes(decodeRuleComment(rule))).map(decodeRule);
}

interface Look {
  readonly generation: number;
  /** How many rules the kernel counts in the chain and leading to it; undefined where it has no such chain. */
  readonly uses: number | undefined;
  readonly inside: readonly KernelRule[];
}

/** One datagram, the generation first. */
function look(connection: Connection, branch: Branch): Look {
  const [table, { chain }] = [tableOf(branch), branch];
  const questions = [getGeneration(), getChain(table, chain), listRules(table, chain)];
  const [generation, found, inside = []] = executeUnlessRefused(connection, [ENOENT], ...questions);
  return {
    generation: noteGeneration(connection, generation),
    uses: found?.[0] && decodeChain(found[0]).uses,
    inside: inside.map(decodeRule),
  };
}

/** Where the branch's chain is, so are the sets that its rules name: the kernel keeps what is referred to. */
function differences(connection: Connection, branch: Branch, inside: readonly KernelRule[]): Request[] {
  const { chain } = branch;
  const table = tableOf(branch);
  const changes = [
    ...mending(table, chain, compare([ruleInside(branch)], inside)),
    ...basesOf(branch).flatMap((base) =>
      mending(table, base.name, compare(entrancesAt(branch, base), labelledRules(connection, base, chain))),
    ),
  ];
  return changes.length === 0 ? [] : [...surroundings(branch), ...changes];
}

interface Difference {
  readonly missing: readonly Rule[];
  readonly surplus: readonly KernelRule[];
}

/** Each declared rule is wanted once. */
function compare(declared: readonly Rule[], present: readonly KernelRule[]): Difference {
  const surplus = [...present];
  const missing = declared.filter(({ expressions }) => {
    const at = surplus.findIndex((rule) => sameExpressions(expressions, rule.expressions));
    if (at >= 0) surplus.splice(at, 1);
    return at < 0;
  });
  return { missing, surplus };
}

function mending(table: Table, chain: string, { missing, surplus }: Difference): Request[] {
  return [...surplus.map(({ handle }) => deleteRule(table, chain, handle)), ...missing.map(appendRule)];
}
