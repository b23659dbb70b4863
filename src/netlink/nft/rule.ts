/** Rules: expressions in order, with a comment to know them by. */

import { type Attribute, attrBytes, attrNest, attrText, decodeAttributes } from '../attribute.ts';
import type { Request } from '../connection.ts';
import { type Message, NLM_F_APPEND, NLM_F_CREATE, NLM_F_DUMP } from '../message.ts';
import { attrComment, decodeComment, nftBody, nftRequest, type Table } from './batch.ts';
import * as nft from './constants.ts';

export interface Rule {
  readonly table: Table;
  readonly chain: string;
  readonly expressions: readonly Attribute[];
  readonly comment: string;
}

/** Adds the rule at the end of its chain, whether or not there is one like it. */
export function appendRule({ table, chain, expressions, comment }: Rule): Request {
  return nftRequest({
    operation: `add the nftables rule "${comment}"`,
    message: nft.NFT_MSG_NEWRULE,
    flags: NLM_F_CREATE | NLM_F_APPEND,
    family: table.family,
    attributes: [
      attrText(nft.NFTA_RULE_TABLE, table.name),
      attrText(nft.NFTA_RULE_CHAIN, chain),
      attrNest(nft.NFTA_RULE_EXPRESSIONS, ...expressions),
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

/** Takes the rule with that handle out of its chain; refused with ENOENT where there is none. */
export function deleteRule(table: Table, chain: string, handle: Uint8Array): Request {
  return nftRequest({
    operation: `remove a rule from the nftables chain ${chain}`,
    message: nft.NFT_MSG_DELRULE,
    flags: 0,
    family: table.family,
    attributes: [
      attrText(nft.NFTA_RULE_TABLE, table.name),
      attrText(nft.NFTA_RULE_CHAIN, chain),
      attrBytes(nft.NFTA_RULE_HANDLE, handle),
    ],
  });
}

/** A rule that is there. */
export interface PresentRule {
  readonly comment: string | undefined;
  /** The kernel's number for it, as bytes. */
  readonly handle: Uint8Array;
}

/** @throws Truncated */
export function decodeRule(message: Message): PresentRule {
  const attributes = decodeAttributes(nftBody(message));
  const comment = decodeComment(attributes.get(nft.NFTA_RULE_USERDATA), nft.NFTNL_UDATA_RULE_COMMENT);
  return { comment, handle: attributes.get(nft.NFTA_RULE_HANDLE) ?? new Uint8Array(8) };
}
