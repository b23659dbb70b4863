/** The rules of a chain that bear a comment. */

import type { Connection } from '../../netlink/connection.ts';
import { query, type Table } from '../../netlink/nft/batch.ts';
import { decodeRuleComment, decodeRuleHandle, listRules, type RuleHandle } from '../../netlink/nft/rule.ts';
import { ENOENT } from '../../sys/errno.ts';
import { passing } from './elements.ts';

/** None where there is no such chain. @throws KernelError */
export function labelledRules(connection: Connection, table: Table, chain: string, comment: string): RuleHandle[] {
  let handles: RuleHandle[] = [];
  passing(ENOENT, () => {
    const rules = query(connection, listRules(table, chain));
    handles = rules.filter((rule) => decodeRuleComment(rule) === comment).map(decodeRuleHandle);
  });
  return handles;
}
