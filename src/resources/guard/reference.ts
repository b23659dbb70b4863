/** Removes what the reference plugin makes for macspoofchk: three rules and two chains a container, known by a comment. */

import type { Connection } from '../../netlink/connection.ts';
import { unlessRefused } from '../../netlink/error.ts';
import { commit, query } from '../../netlink/nft/batch.ts';
import * as nft from '../../netlink/nft/constants.ts';
import { decodeRuleComment, decodeRuleHandle, deleteRule, listRules } from '../../netlink/nft/rule.ts';
import { deleteChain } from '../../netlink/nft/table.ts';
import { ENOENT } from '../../sys/errno.ts';

/** The table and base chain of the reference: `nat` up to 1.5, a table of its own from 1.6 on (pkg/link/spoofcheck.go). */
const PLACES = [
  { table: { family: nft.NFPROTO_BRIDGE, name: 'nat' }, chain: 'PREROUTING' },
  { table: { family: nft.NFPROTO_BRIDGE, name: 'cni_spoofcheck' }, chain: 'prerouting' },
] as const;

/** Removes the rules and chains of one container; table and base chain stay, as with the reference. @throws KernelError */
export function removeForeignGuard(
  connection: Connection,
  { containerId, ifName }: { readonly containerId: string; readonly ifName: string },
): void {
  const id = `${containerId}-${ifName}`;
  for (const { table, chain } of PLACES) {
    const rules = unlessRefused([ENOENT], () => query(connection, listRules(table, chain))) ?? [];
    const entrances = rules.filter((rule) => decodeRuleComment(rule) === `macspoofchk-${id}`);
    // In this order, since the kernel removes no chain to which a rule leads.
    const removal = [
      ...entrances.map((rule) => deleteRule(table, chain, decodeRuleHandle(rule))),
      deleteChain(table, `cni-br-iface-${id}`),
      deleteChain(table, `cni-br-iface-${id}-mac`),
    ];
    unlessRefused([ENOENT], () => commit(connection, removal));
  }
}
