/** Rules: expressions in order, with a comment to know them by. */

import { type Attribute, attrBytes, attrNest, attrText, decodeAttributes } from '../attribute.ts';
import type { Request } from '../connection.ts';
import { type Message, NLM_F_APPEND, NLM_F_CREATE, NLM_F_DUMP } from '../message.ts';
import { attrComment, decodeComment, nftBody, nftRequest, type Table } from './batch.ts';
import * as nft from './constants.ts';
import type { RuleHandle } from './rule-removal.ts';

export interface Rule {
  readonly table: Table;
  readonly chain: string;
  readonly expressions: readonly Attribute[];
  readonly comment: string;
}

/** Adds the rule at the end of its chain, whether or not there is one like it. */
export function appendRule(rule: Rule): Request {
  return newRule(rule, NLM_F_CREATE | NLM_F_APPEND);
}

/** Adds the rule in front of another one of its chain; refused with ENOENT where that one is not there. */
export function insertRule(rule: Rule, before: RuleHandle): Request {
  return newRule(rule, NLM_F_CREATE, [attrBytes(nft.NFTA_RULE_POSITION, before)]);
}

function newRule(
  { table, chain, expressions, comment }: Rule,
  flags: number,
  position: readonly Attribute[] = [],
): Request {
  return nftRequest({
    operation: `add the nftables rule "${comment}"`,
    message: nft.NFT_MSG_NEWRULE,
    flags,
    family: table.family,
    attributes: [
      attrText(nft.NFTA_RULE_TABLE, table.name),
      attrText(nft.NFTA_RULE_CHAIN, chain),
      attrNest(nft.NFTA_RULE_EXPRESSIONS, ...expressions),
      ...position,
      attrComment(nft.NFTA_RULE_USERDATA, nft.NFTNL_UDATA_RULE_COMMENT, comment),
    ],
  });
}

/** Answered by the rules of one chain; refused with ENOENT where table or chain is missing. */
export function listRules(table: Table, chain: string): Request {
  const attributes = [attrText(nft.NFTA_RULE_TABLE, table.name), attrText(nft.NFTA_RULE_CHAIN, chain)];
  const operation = `list the nftables chain ${chain}`;
  return nftRequest({
    operation,
    message: nft.NFT_MSG_GETRULE,
    flags: NLM_F_DUMP,
    family: table.family,
    attributes,
  });
}

/** @throws Truncated */
export function decodeRuleComment(message: Message): string | undefined {
  const userdata = decodeAttributes(nftBody(message)).get(nft.NFTA_RULE_USERDATA);
  return decodeComment(userdata, nft.NFTNL_UDATA_RULE_COMMENT);
}
