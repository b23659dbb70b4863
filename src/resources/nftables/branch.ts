/**
 * A branch is what one purpose of ours has in a table of nftables: sets, a chain with one rule, and rules of base chains that
 * lead to the chain. It is declared as a value; `difference.ts` compares it with what the kernel has.
 */

import { hashHex } from '../../address/hash.ts';
import type { Request } from '../../netlink/connection.ts';
import type { Table } from '../../netlink/nft/batch.ts';
import * as nft from '../../netlink/nft/constants.ts';
import type { Expression } from '../../netlink/nft/expression.ts';
import { appendRule, insertRule, type Rule } from '../../netlink/nft/rule.ts';
import * as sets from '../../netlink/nft/set.ts';
import { type BaseChain, createChain, ensureChain, ensureTable } from '../../netlink/nft/table.ts';
import { COMMENT_MOST } from '../names.ts';

export interface Branch {
  readonly chain: string;
  readonly sets: readonly sets.NftSet[];
  /** An element of each set that matches no packet: where it is missing, the set was flushed. */
  readonly anchors: readonly OwnedElement[];
  readonly entrances: readonly Entrance[];
  /** The rule in the chain. A function, since most calls do not need the rule. */
  rule(): readonly Expression[];
}

/** A rule that leads to the chain. */
interface Entrance {
  readonly base: BaseChain;
  expressions(): readonly Expression[];
}

/** An element of a set that carries its owner as comment, see `ownerText`. */
export interface OwnedElement {
  readonly set: sets.SetName;
  readonly key: sets.Key;
  readonly owner: string;
}

const NAME = 'trestle';

/** The table for routed packets, of both families. */
export const ROUTED_TABLE: Table = { family: nft.NFPROTO_INET, name: NAME };
/** The table for bridged frames. */
export const BRIDGE_TABLE: Table = { family: nft.NFPROTO_BRIDGE, name: NAME };

/** Packets that are about to leave the node, whose source may be translated. */
export const POSTROUTING: BaseChain = {
  table: ROUTED_TABLE,
  name: 'postrouting',
  type: 'nat',
  hook: nft.NF_INET_POST_ROUTING,
  priority: nft.NF_IP_PRI_NAT_SRC,
};

/** Before every other priority that has a name. */
const FIRST = { table: BRIDGE_TABLE, type: 'filter', priority: nft.NF_BR_PRI_NAT_DST_BRIDGED } as const;

/** Frames that come in at a port. */
export const PREROUTING: BaseChain = { ...FIRST, name: 'prerouting', hook: nft.NF_BR_PRE_ROUTING };
/**
 * Frames for the node, among them those to the link-local group addresses (01:80:c2:00:00:0x), which `prerouting` does not
 * see.
 */
export const INPUT: BaseChain = { ...FIRST, name: 'input', hook: nft.NF_BR_LOCAL_IN };

/** Creates all of the branch but its elements. Refused with EEXIST where the chain is there. */
export function createBranch(branch: Branch): Request[] {
  return [
    ...surroundings(branch),
    createChain(tableOf(branch), branch.chain),
    appendRule(ruleInside(branch)),
    ...basesOf(branch).flatMap((base) => inFront(entrancesAt(branch, base))),
  ];
}

/** Creates table, base chains and sets. The kernel leaves those that are there as they are. */
export function surroundings(branch: Branch): Request[] {
  return [
    ensureTable(tableOf(branch)),
    ...basesOf(branch).map(ensureChain),
    ...branch.sets.map((set, at) => sets.ensureSet(set, at + 1)),
  ];
}

/** The rule in the chain. */
export function ruleInside(branch: Branch): Rule {
  const { chain } = branch;
  return { table: tableOf(branch), chain, expressions: branch.rule(), comment: labelOf(chain) };
}

/** The rules of a base chain that lead to the chain of the branch. */
export function entrancesAt(branch: Branch, base: BaseChain): Rule[] {
  return branch.entrances.filter((one) => one.base === base).map((one) => entranceRule(branch, one));
}

/** Adds rules in front of all others of their chain, in this order, so that rules of other programs do not overrule them. */
export function inFront(rules: readonly Rule[]): Request[] {
  return [...rules].reverse().map((rule) => insertRule(rule));
}

/** The comment of all rules of a branch: the name of the chain, shortened to what nft reads back. */
export function labelOf(chain: string): string {
  return chain.length <= COMMENT_MOST ? chain : `${chain.slice(0, COMMENT_MOST - 17)}#${hashHex('label', chain)}`;
}

/**
 * How many rules the kernel counts in the chain and leading to it, if the branch is whole: the rule in the chain, and one for
 * each entrance.
 */
export function fullUse({ entrances }: Branch): number {
  return 1 + entrances.length;
}

/** The base chains of the entrances, each once. */
export function basesOf({ entrances }: Branch): BaseChain[] {
  return [...new Set(entrances.map(({ base }) => base))];
}

export function tableOf({ entrances }: Branch): Table {
  return (entrances[0] as Entrance).base.table;
}

function entranceRule({ chain }: Branch, { base, expressions }: Entrance): Rule {
  return { table: base.table, chain: base.name, expressions: expressions(), comment: labelOf(chain) };
}
