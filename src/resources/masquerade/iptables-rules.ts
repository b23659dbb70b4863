/** Reads rules of iptables' table nat from the kernel, in either flavour, without a program. */

import { type Cidr, formatCidr } from '../../address/cidr.ts';
import { BITS, type Family } from '../../address/ip.ts';
import { readCString } from '../../netlink/bytes.ts';
import { unlessRefused } from '../../netlink/error.ts';
import { query, type Table } from '../../netlink/nft/batch.ts';
import { NFPROTO_IPV4, NFPROTO_IPV6 } from '../../netlink/nft/constants.ts';
import { decodeRule, type KernelRule, listRules } from '../../netlink/nft/rule.ts';
import { networkAt, verdictOf } from '../../netlink/nft/steps.ts';
import { ENOENT } from '../../sys/errno.ts';
import { findLegacyTable, type LegacyRule, readLegacyChains } from '../iptables/legacy.ts';
import { currentOwner, isSameOwner } from '../names.ts';
import { NO_NFTABLES, nftIfThere } from '../nftables/nftables.ts';
import type { Node } from '../node.ts';
import type { Masqueraded } from './driver.ts';

const POSTROUTING = 'POSTROUTING';

/** What a flavour of iptables has for an address. */
export interface FoundRules {
  readonly flavour: 'nft' | 'legacy';
  /** A rule of POSTROUTING leads to the chain. */
  readonly isLedTo: boolean;
  /** The comments of the chain's rules that masquerade the address for its owner, as they are written. */
  readonly comments: readonly string[];
}

/** What is read of a rule: enough to recognise a rule of ours. */
interface RuleContent {
  readonly source: Cidr | undefined;
  readonly comment: string | undefined;
  /** The chain or target behind `-j`. */
  readonly target: string | undefined;
}

/** The rules for an address in nf_tables and in the older tables. @throws KernelError, SystemError */
export function findIptablesRules(node: Node, entry: Masqueraded, chain: string): readonly FoundRules[] {
  const { family } = entry.address.ip;
  const source = formatCidr({ ip: entry.address.ip, prefix: BITS[family] });
  const isOwn = (rule: RuleContent) =>
    rule.target === 'MASQUERADE' &&
    isSameOwner(rule.comment ?? '', entry.owner) &&
    rule.source !== undefined &&
    formatCidr(rule.source) === source;
  const found = (flavour: FoundRules['flavour'], rulesOf: (chain: string) => RuleContent[]): FoundRules => {
    const isLedTo = rulesOf(POSTROUTING).some(({ target }) => target === chain);
    return { flavour, isLedTo, comments: rulesOf(chain).flatMap((rule) => (isOwn(rule) ? (rule.comment ?? '') : [])) };
  };
  return [found('nft', nftRules(node, family)), found('legacy', legacyRules(family))];
}

/** The owners that the comments of a chain's rules name, in both flavours. @throws KernelError, SystemError */
export function ownersInChain(node: Node, family: Family, chain: string): string[] {
  const rules = [nftRules(node, family), legacyRules(family)].flatMap((rulesOf) => rulesOf(chain));
  return rules.flatMap(({ comment }) => (comment === undefined ? [] : currentOwner(comment)));
}

function nftRules(node: Node, family: Family): (chain: string) => RuleContent[] {
  const table: Table = { family: family === 4 ? NFPROTO_IPV4 : NFPROTO_IPV6, name: 'nat' };
  const connection = nftIfThere(node);
  const ask = (chain: string) =>
    connection && unlessRefused([ENOENT, ...NO_NFTABLES], () => query(connection, listRules(table, chain)));
  return (chain) => (ask(chain) ?? []).map((message) => contentInNft(decodeRule(message), family));
}

/** iptables writes a comment as a match or, of late, as nftables does; and MASQUERADE as a target, or as nftables does. */
function contentInNft({ expressions, comment }: KernelRule, family: Family): RuleContent {
  let [said, target] = [comment, verdictOf(expressions)?.chain];
  for (const step of expressions) {
    if (step.name === 'masq') target = 'MASQUERADE';
    if (step.name === 'target') target = step.extension;
    if (step.name === 'match' && step.extension === 'comment') said = readCString(step.info);
  }
  return { source: networkAt('source', family, expressions), comment: said, target };
}

function legacyRules(family: Family): (chain: string) => RuleContent[] {
  const table = findLegacyTable(family, 'nat');
  const chains = table && readLegacyChains(table).chains;
  return (chain) => (chains?.get(chain) ?? []).map(contentInLegacy);
}

function contentInLegacy({ entry, target }: LegacyRule): RuleContent {
  const comment = entry.matches.find(({ name }) => name === 'comment');
  return {
    source: entry.header.source,
    comment: comment && readCString(comment.info),
    target: entry.target ?? target,
  };
}
