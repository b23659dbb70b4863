/**
 * Masquerading by what it says of its owner: ours, in sets of nftables and in rules of iptables, and the reference plugins', whose
 * place this one took. It is looked for over netlink; a program is started only where there is something.
 */

import type { Family } from '../../address/ip.ts';
import { commit, query, type Table } from '../../netlink/nft/batch.ts';
import { NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6 } from '../../netlink/nft/constants.ts';
import { decodeRuleComment, decodeRuleHandle, deleteRule, listRules } from '../../netlink/nft/rule.ts';
import { ENOENT } from '../../sys/errno.ts';
import type { Flavour } from '../iptables/iptables.ts';
import { holdsAny, legacyTableHolds } from '../iptables/legacy.ts';
import { NO_NFTABLES, nftIfThere } from '../nftables/nftables.ts';
import type { Node } from '../node.ts';
import { unlessRefused } from '../refused.ts';
import type { Owned, Scope } from '../resource.ts';
import { networkComment } from './iptables.ts';
import { ownedElements } from './masquerade.ts';
import { commentOwner } from './reference-owner.ts';
import { removeStrayRules, strayComments } from './stray-rules.ts';

/** All masquerading of the scope, wherever it is. @throws KernelError, Fault */
export function findStrays(node: Node, scope: Scope): Owned[] {
  return [...inSets(node, scope), ...inReferenceTable(node, scope), ...inIptables(node, scope)];
}

function inSets(node: Node, scope: Scope): Owned[] {
  const nft = nftIfThere(node);
  if (nft === undefined) return [];
  const elements = unlessRefused(NO_NFTABLES, () => ownedElements(nft, scope.network, scope.dataDir)) ?? [];
  return elements.flatMap(({ owner, remove }) => owned(scope, owner, `the masquerading of ${owner}`, remove));
}

/** The table that the reference bridge has since 1.7, with a rule for each address. */
const REFERENCE: Table = { family: NFPROTO_INET, name: 'cni_plugins_masquerade' };
const REFERENCE_CHAIN = 'masq_checks';

function inReferenceTable(node: Node, scope: Scope): Owned[] {
  return rulesIn(node, REFERENCE, REFERENCE_CHAIN).flatMap((rule): Owned[] => {
    const comment = decodeRuleComment(rule);
    if (comment === undefined) return [];
    const removal = deleteRule(REFERENCE, REFERENCE_CHAIN, decodeRuleHandle(rule));
    const remove = () => void unlessRefused([ENOENT], () => commit(node.nft(), [removal]));
    return owned(scope, comment, `the reference plugin's rule "${comment}"`, remove);
  });
}

function inIptables(node: Node, scope: Scope): Owned[] {
  const hints = [hintOf(scope), `${networkComment(scope.network)}\0`];
  return ([4, 6] as const).flatMap((family) => [
    ...(isHintedInNft(node, family, hints) ? rulesOf(node, family, 'nft', scope) : []),
    ...(legacyTableHolds(family, 'nat', hints) ? rulesOf(node, family, 'legacy', scope) : []),
  ]);
}

function rulesOf(node: Node, family: Family, flavour: Flavour, scope: Scope): Owned[] {
  return strayComments(node, family, flavour).flatMap((comment) => {
    const remove = () => removeStrayRules(node, family, flavour, (other) => other === comment);
    return owned(scope, comment, `the rule of iptables "${comment}"`, remove);
  });
}

/** None where the comment is of another network. */
function owned(scope: Scope, comment: string, what: string, remove: () => void): Owned[] {
  const isOf = commentOwner(scope, comment);
  return isOf === undefined ? [] : [{ what, isOf, remove }];
}

/** What at least one rule of the reference's holds where it made any for the scope. */
function hintOf({ network, containerId }: Scope): string {
  return `name: "${network}" id: "${containerId === undefined ? '' : `${containerId}"`}`;
}

function isHintedInNft(node: Node, family: Family, hints: readonly string[]): boolean {
  const table: Table = { family: family === 4 ? NFPROTO_IPV4 : NFPROTO_IPV6, name: 'nat' };
  return rulesIn(node, table, 'POSTROUTING').some(({ payload }) => holdsAny(payload, hints));
}

function rulesIn(node: Node, table: Table, chain: string) {
  const nft = nftIfThere(node);
  return (nft && unlessRefused([ENOENT, ...NO_NFTABLES], () => query(nft, listRules(table, chain)))) ?? [];
}
