/** The rules of our base chains that lead to a branch's chain, and rules of others that may keep packets from them. */

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
  readonly reached: readonly KernelRule[];
  /** Behind a rule of others that may end the way of a packet. */
  readonly overruled: readonly KernelRule[];
}

/** @throws KernelError */
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

/** 0.1.0 wrote the whole name. */
function isLabelOf(chain: string, comment: string | undefined): boolean {
  return comment === labelOf(chain) || comment === chain;
}

/** A jump to the chain that its comment names: whatever branch it belongs to, the packet comes back or is ours. */
function isOurs({ comment, expressions }: KernelRule): boolean {
  const { code, chain } = verdictOf(expressions) ?? {};
  return code === NFT_JUMP && chain !== undefined && isLabelOf(chain, comment);
}

/** What matches, counts or marks, and nothing else. */
const WITHOUT_VERDICT: readonly Expression['name'][] = [
  ...(['meta', 'ct', 'cmp', 'payload', 'bitwise', 'match', 'counter', 'log', 'notrack'] as const),
];

/** Whether the packet goes on to the next rule in any case. */
function goesOn(expression: Expression): boolean {
  if (expression.name === 'lookup') return expression.destination !== NFT_REG_VERDICT;
  if (expression.name === 'immediate') return expression.verdict === undefined;
  return WITHOUT_VERDICT.includes(expression.name);
}
