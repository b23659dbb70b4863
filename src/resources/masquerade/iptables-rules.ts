/** Rules of iptables' table nat as the kernel has them, in either flavour: read without a program. */

import { type Cidr, formatCidr } from '../../address/cidr.ts';
import { BITS, type Family } from '../../address/ip.ts';
import { readCString } from '../../netlink/bytes.ts';
import type { Message } from '../../netlink/message.ts';
import { query, type Table } from '../../netlink/nft/batch.ts';
import { NFPROTO_IPV4, NFPROTO_IPV6 } from '../../netlink/nft/constants.ts';
import { decodeRule, type KernelRule, listRules } from '../../netlink/nft/rule.ts';
import { networkAt, verdictOf } from '../../netlink/nft/steps.ts';
import { ENOENT } from '../../sys/errno.ts';
import { findLegacyTable, holdsAny, type LegacyRule, legacyTableHolds, readLegacyChains } from '../iptables/legacy.ts';
import { isSameOwner } from '../names.ts';
import { NO_NFTABLES, nftIfThere } from '../nftables/nftables.ts';
import type { Node } from '../node.ts';
import { unlessRefused } from '../refused.ts';
import type { Masqueraded } from './masquerade.ts';

const POSTROUTING = 'POSTROUTING';

/** What a flavour of iptables has for an address. */
export interface FoundRules {
  /** A rule of POSTROUTING leads to the chain. */
  readonly isLedTo: boolean;
  /** The chain masquerades the address, for its owner. */
  readonly isMasqueraded: boolean;
}

/** In nf_tables and in the older tables. @throws KernelError, SystemError */
export function findIptablesRules(node: Node, entry: Masqueraded, chain: string): readonly FoundRules[] {
  const { family } = entry.address.ip;
  const source = formatCidr({ ip: entry.address.ip, prefix: BITS[family] });
  const found = (way: readonly SaidRule[], rules: readonly SaidRule[]): FoundRules => ({
    isLedTo: way.some(({ target }) => target === chain),
    isMasqueraded: rules.some(
      (rule) =>
        rule.target === 'MASQUERADE' &&
        isSameOwner(rule.comment ?? '', entry.owner) &&
        rule.source !== undefined &&
        formatCidr(rule.source) === source,
    ),
  });
  const [inNft, inLegacy] = [nftRules(node, family), legacyRules(family)];
  return [found(inNft(POSTROUTING), inNft(chain)), found(inLegacy(POSTROUTING), inLegacy(chain))];
}

/** Whether a rule may be the owner's, in either flavour: the text is there. A table may have thousands of rules that need no decoding. */
export function namesOwner(node: Node, { address, owner }: Masqueraded, chain: string): boolean {
  const { family } = address.ip;
  const texts = [`${owner}\0`];
  const inNft = nftMessages(node, family, chain).some(({ payload }) => holdsAny(payload, texts));
  return inNft || legacyTableHolds(family, 'nat', texts);
}

/** What a rule says, as far as ours are told by it. */
interface SaidRule {
  readonly source: Cidr | undefined;
  readonly comment: string | undefined;
  /** The chain or target behind `-j`. */
  readonly target: string | undefined;
}

function nftRules(node: Node, family: Family): (chain: string) => SaidRule[] {
  return (chain) => nftMessages(node, family, chain).map((message) => saidInNft(decodeRule(message), family));
}

function nftMessages(node: Node, family: Family, chain: string): readonly Message[] {
  const table: Table = { family: family === 4 ? NFPROTO_IPV4 : NFPROTO_IPV6, name: 'nat' };
  const connection = nftIfThere(node);
  if (connection === undefined) return [];
  return unlessRefused([ENOENT, ...NO_NFTABLES], () => query(connection, listRules(table, chain))) ?? [];
}

/** iptables writes a comment as a match or, of late, as nftables does; and MASQUERADE as a target, or as nftables does. */
function saidInNft({ expressions, comment }: KernelRule, family: Family): SaidRule {
  let [said, target] = [comment, verdictOf(expressions)?.chain];
  for (const step of expressions) {
    if (step.name === 'masq') target = 'MASQUERADE';
    if (step.name === 'target') target = step.extension;
    if (step.name === 'match' && step.extension === 'comment') said = readCString(step.info);
  }
  return { source: networkAt('source', family, expressions), comment: said, target };
}

function legacyRules(family: Family): (chain: string) => SaidRule[] {
  const table = findLegacyTable(family, 'nat');
  const chains = table && readLegacyChains(table).chains;
  return (chain) => (chains?.get(chain) ?? []).map(saidInLegacy);
}

function saidInLegacy({ entry, target }: LegacyRule): SaidRule {
  const comment = entry.matches.find(({ name }) => name === 'comment');
  return {
    source: entry.header.source,
    comment: comment && readCString(comment.info),
    target: entry.target ?? target,
  };
}
