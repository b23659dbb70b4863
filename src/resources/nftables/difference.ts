/**
 * Compares what a branch declares with what the kernel has. Rules are compared as values, and one transaction mends the
 * difference. The transaction names the generation of the ruleset that was read: if another program has changed the ruleset
 * since, the kernel refuses it.
 *
 * An ADD reads no rules. The kernel counts the rules in a chain and those that lead to it, and gives the number in one small
 * answer. So one exchange shows an ADD whether anything was removed or flushed since the last one.
 */

import { type Connection, executeUnlessRefused, type Request } from '../../netlink/connection.ts';
import { unlessRefused } from '../../netlink/error.ts';
import { commit, getGeneration, type Table } from '../../netlink/nft/batch.ts';
import { sameExpressions } from '../../netlink/nft/equality.ts';
import { appendRule, decodeRule, deleteRule, type KernelRule, listRules, type Rule } from '../../netlink/nft/rule.ts';
import { getElement } from '../../netlink/nft/set.ts';
import { decodeChain, getChain } from '../../netlink/nft/table.ts';
import { ENOENT, ERESTART } from '../../sys/errno.ts';
import {
  type Branch,
  basesOf,
  createBranch,
  entrancesAt,
  fullUse,
  inFront,
  ruleInside,
  surroundings,
  tableOf,
} from './branch.ts';
import { findEntrances } from './entrances.ts';
import { isAsCompared, noteGeneration } from './generation.ts';

/** The most attempts to change what other processes change at the same time. */
const ATTEMPTS = 20;

/** What one small exchange shows of a branch. */
interface Glance {
  /** The generation of the ruleset, which is read first. */
  readonly generation: number;
  /**
   * `missing`: the kernel has no such chain; `damaged`: a rule or an anchor was removed or flushed, or there is a rule too
   * many.
   */
  readonly state: 'whole' | 'damaged' | 'missing';
}

/** The chain of a branch as the kernel has it. */
interface Look {
  readonly generation: number;
  /** How many rules the kernel counts in the chain and leading to it; undefined where it has no such chain. */
  readonly uses: number | undefined;
  readonly inside: readonly KernelRule[];
}

/** Rules that are declared and not there, and rules that are there and not declared. */
interface Difference {
  readonly missing: readonly Rule[];
  readonly surplus: readonly KernelRule[];
}

/**
 * Whether the branch is whole, by one exchange. Where it is not, other attachments may lack their elements, too.
 * @throws KernelError
 */
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

/**
 * Makes the rules what the branch declares, unless another program changes the ruleset meanwhile. @returns whether the rules
 * are so. @throws KernelError
 */
export function mend(connection: Connection, branch: Branch): boolean {
  const { generation, uses, inside } = look(connection, branch);
  const changes = uses === undefined ? createBranch(branch) : differences(connection, branch, inside);
  return changes.length === 0 || commitFor(connection, changes, generation);
}

/** Makes the rules what the branch declares, also where other programs change the ruleset meanwhile. @throws KernelError */
export function mendRules(connection: Connection, branch: Branch): void {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) if (mend(connection, branch)) return;
}

/**
 * Carries out the changes in this generation of the ruleset. @returns false where it is of another generation by now.
 * @throws KernelError
 */
export function commitFor(connection: Connection, changes: readonly Request[], generation: number): boolean {
  const done = unlessRefused([ERESTART], () => {
    commit(connection, changes, generation);
    return true;
  });
  return done === true;
}

/**
 * What is off about the rules of the branch, as a clause that follows a colon; undefined where all are as declared.
 * `comparedAt` is the generation in which they were last compared, if that is known: in the same generation they are not read
 * again. @throws KernelError
 */
export function rulesFinding(connection: Connection, branch: Branch, comparedAt?: number): string | undefined {
  if (isAsCompared(connection, comparedAt)) return undefined;
  const { chain } = branch;
  const { uses, inside } = look(connection, branch);
  if (uses === undefined) return `the nftables chain ${chain} is missing`;
  for (const base of basesOf(branch)) {
    const { reached, overruled } = findEntrances(connection, base, chain);
    const { missing, surplus } = compare(entrancesAt(branch, base), reached);
    if (overruled.length > 0)
      return `in the nftables chain ${base.name} another rule stands before the one that leads to the chain ${chain}`;
    if (missing.length > surplus.length)
      return `no rule of the nftables chain ${base.name} leads to the chain ${chain}`;
    if (surplus.length > 0) return `the rule of the nftables chain ${base.name} for the chain ${chain} was changed`;
  }
  const { missing, surplus } = compare([ruleInside(branch)], inside);
  if (missing.length > surplus.length) return `the nftables chain ${chain} has no rule`;
  return surplus.length > 0 ? `the rules of the nftables chain ${chain} were changed` : undefined;
}

/** Reads the generation and the chain in one datagram, the generation first. */
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

/** What mends the rules. The sets that they name are there if the chain is: the kernel keeps a set to which a rule refers. */
function differences(connection: Connection, branch: Branch, inside: readonly KernelRule[]): Request[] {
  const { chain } = branch;
  const table = tableOf(branch);
  const { missing, surplus } = compare([ruleInside(branch)], inside);
  const changes = [
    ...deletions(table, chain, surplus),
    ...missing.map(appendRule),
    ...basesOf(branch).flatMap((base) => {
      const { reached, overruled } = findEntrances(connection, base, chain);
      const ways = compare(entrancesAt(branch, base), reached);
      return [...deletions(table, base.name, [...ways.surplus, ...overruled]), ...inFront(ways.missing)];
    }),
  ];
  return changes.length === 0 ? [] : [...surroundings(branch), ...changes];
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

function deletions(table: Table, chain: string, rules: readonly KernelRule[]): Request[] {
  return rules.map(({ handle }) => deleteRule(table, chain, handle));
}
