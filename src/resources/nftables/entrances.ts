/** Finds the rules of our base chains that lead to a branch's chain, and whether rules of other programs overrule them. */

import type { Connection } from '../../netlink/connection.ts';
import { unlessRefused } from '../../netlink/error.ts';
import { query } from '../../netlink/nft/batch.ts';
import { NFT_JUMP, NFT_REG_VERDICT } from '../../netlink/nft/constants.ts';
import type { Expression } from '../../netlink/nft/expression.ts';
import { decodeRule, type KernelRule, listRules } from '../../netlink/nft/rule.ts';
import { verdictOf } from '../../netlink/nft/steps.ts';
import type { BaseChain } from '../../netlink/nft/table.ts';
import { ENOENT } from '../../sys/errno.ts';
import { labelOf } from './branch.ts';

/** The rules of a base chain that bear our label for a chain. */
interface Entrances {
  /** Rules that a packet comes to. */
  readonly reached: readonly KernelRule[];
  /** Rules behind a rule of another program at which the way of a packet may end. */
  readonly overruled: readonly KernelRule[];
}

/** Expressions that match, count or mark, and decide nothing. */
const WITHOUT_VERDICT: readonly Expression['name'][] = [
  ...(['meta', 'ct', 'cmp', 'payload', 'bitwise', 'match', 'counter', 'log', 'notrack'] as const),
];

/** Reads a base chain. @throws KernelError */
export function findEntrances(
  connection: Connection,
  { table, name }: Pick<BaseChain, 'table' | 'name'>,
  chain: string,
): Entrances {
  const rules = (unlessRefused([ENOENT], () => query(connection, listRules(table, name))) ?? []).map(decodeRule);
  const end = rules.findIndex((rule) => !isOurs(rule) && !rule.expressions.every(goesOn));
  const at = end < 0 ? rules.length : end;
  const labelled = (some: readonly KernelRule[]) => some.filter(({ comment }) => isLabelOf(chain, comment));
  return { reached: labelled(rules.slice(0, at)), overruled: labelled(rules.slice(at)) };
}

/** Whether the comment is our label for the chain. 0.1.0 wrote the whole name. */
function isLabelOf(chain: string, comment: string | undefined): boolean {
  return comment === labelOf(chain) || comment === chain;
}

/** Whether the rule jumps to the chain that its comment names. Then the packet comes back from it, or is ours. */
function isOurs({ comment, expressions }: KernelRule): boolean {
  const { code, chain } = verdictOf(expressions) ?? {};
  return code === NFT_JUMP && chain !== undefined && isLabelOf(chain, comment);
}

/** Whether the packet goes on to the next rule, whatever the expression finds. */
function goesOn(expression: Expression): boolean {
  if (expression.name === 'lookup') return expression.destination !== NFT_REG_VERDICT;
  if (expression.name === 'immediate') return expression.verdict === undefined;
  return WITHOUT_VERDICT.includes(expression.name);
}
