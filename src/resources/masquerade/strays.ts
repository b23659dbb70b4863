/**
 * Masquerading that no record of ours tells of: the reference plugins', whose place this one took, and our own through
 * iptables where its record is lost. It is looked for over netlink; a program is started only where there is something.
 */

import type { Family } from '../../address/ip.ts';
import { commit, query, type Table } from '../../netlink/nft/batch.ts';
import { NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6 } from '../../netlink/nft/constants.ts';
import { decodeRuleComment, decodeRuleHandle, deleteRule, listRules } from '../../netlink/nft/rule.ts';
import { ENOENT } from '../../sys/errno.ts';
import { holdsAny, legacyTableHolds } from '../iptables/legacy-tables.ts';
import { type AttachmentKey, isOwnedBy, ownerText } from '../names.ts';
import { NO_NFTABLES, nftIfThere } from '../nftables/nftables.ts';
import type { NodeKernel } from '../node.ts';
import { unlessRefused } from '../refused.ts';
import { networkComment } from './iptables.ts';
import { collectMasquerade } from './masquerade.ts';
import { isReferenceOwner, referenceOwner } from './reference-owner.ts';
import { removeStrayRules } from './stray-rules.ts';

/** What to look for: text that at least one rule holds where there is anything, and which comments are meant. */
export interface Strays {
  readonly network: string;
  readonly hints: readonly string[];
  isStray(comment: string): boolean;
}

/** All that one attachment may have. */
export function straysOf(attachment: AttachmentKey): Strays {
  const { network, containerId } = attachment;
  return {
    network,
    hints: [`name: "${network}" id: "${containerId}"`, `${networkComment(network)}\0`],
    isStray: (comment) => {
      const reference = referenceOwner(comment);
      return reference === undefined ? comment === ownerText(attachment) : isReferenceOwner(reference, attachment);
    },
  };
}

/** All that a network has for attachments that are not valid. */
export function straysBeside(network: string, valid: readonly Omit<AttachmentKey, 'network'>[]): Strays {
  const owners = new Set(valid.map((attachment) => ownerText({ ...attachment, network })));
  return {
    network,
    hints: [`name: "${network}" id: "`, `${networkComment(network)}\0`],
    isStray: (comment) => {
      const reference = referenceOwner(comment);
      if (reference === undefined) return isOwnedBy(network, comment) && !owners.has(comment);
      return reference.network === network && !valid.some((one) => isReferenceOwner(reference, { ...one, network }));
    },
  };
}

/** Removes them, wherever they are. @throws KernelError, Fault */
export function removeStrayMasquerade(node: NodeKernel, strays: Strays): void {
  const nft = nftIfThere(node);
  if (nft !== undefined)
    unlessRefused(NO_NFTABLES, () => collectMasquerade(nft, strays.network, (owner) => !strays.isStray(owner)));
  removeReferenceRules(node, strays);
  for (const family of [4, 6] as const) {
    if (isHintedInNft(node, family, strays)) removeStrayRules(node, family, 'nft', strays.isStray);
    if (legacyTableHolds(family, 'nat', strays.hints)) removeStrayRules(node, family, 'legacy', strays.isStray);
  }
}

/** The table that the reference bridge has since 1.7, with a rule for each address. */
const REFERENCE: Table = { family: NFPROTO_INET, name: 'cni_plugins_masquerade' };
const REFERENCE_CHAIN = 'masq_checks';

function removeReferenceRules(node: NodeKernel, { isStray }: Strays): void {
  for (const rule of rulesIn(node, REFERENCE, REFERENCE_CHAIN)) {
    const comment = decodeRuleComment(rule);
    if (comment === undefined || !isStray(comment)) continue;
    const removal = deleteRule(REFERENCE, REFERENCE_CHAIN, decodeRuleHandle(rule));
    unlessRefused([ENOENT], () => commit(node.nft(), [removal]));
  }
}

function isHintedInNft(node: NodeKernel, family: Family, { hints }: Strays): boolean {
  const table: Table = { family: family === 4 ? NFPROTO_IPV4 : NFPROTO_IPV6, name: 'nat' };
  return rulesIn(node, table, 'POSTROUTING').some(({ payload }) => holdsAny(payload, hints));
}

function rulesIn(node: NodeKernel, table: Table, chain: string) {
  const nft = nftIfThere(node);
  return (nft && unlessRefused([ENOENT, ...NO_NFTABLES], () => query(nft, listRules(table, chain)))) ?? [];
}
