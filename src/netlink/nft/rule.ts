/** Rules: expressions in order, with a comment to know them by; adding, removing and reading them. */

import { type Attribute, attrBytes, attrNest, attrText, decodeAttributes, textAt } from '../attribute.ts';
import type { Request } from '../connection.ts';
import { type Message, NLM_F_APPEND, NLM_F_CREATE, NLM_F_DUMP } from '../message.ts';
import { attrComment, decodeComment, nftBody, nftRequest, type Table } from './batch.ts';
import * as nft from './constants.ts';
import { decodeExpressions, type Expression, encodeExpression } from './expression.ts';

export interface Rule {
  readonly table: Table;
  readonly chain: string;
  readonly expressions: readonly Expression[];
  readonly comment: string;
}

/** A rule as the kernel has it. */
export interface KernelRule {
  readonly chain: string;
  readonly handle: RuleHandle;
  readonly comment: string | undefined;
  readonly expressions: readonly Expression[];
}

/** The kernel's number of a rule: 64 bits in network order, kept as bytes, since only the kernel reads them as a number. */
export type RuleHandle = Uint8Array;

/** Adds the rule at the end of its chain, whether or not there is one like it. */
export function appendRule(rule: Rule): Request {
  return newRule(rule, NLM_F_CREATE | NLM_F_APPEND);
}

/**
 * Adds the rule in front of all others of its chain, or in front of `before`; refused with ENOENT where `before` is missing.
 */
export function insertRule(rule: Rule, before?: RuleHandle): Request {
  return newRule(rule, NLM_F_CREATE, before === undefined ? [] : [attrBytes(nft.NFTA_RULE_POSITION, before)]);
}

/** Refused with ENOENT where there is no such rule. */
export function deleteRule(table: Table, chain: string, handle: RuleHandle): Request {
  const operation = `remove a rule of the nftables chain ${chain}`;
  return ruleRequest(operation, nft.NFT_MSG_DELRULE, 0, table, chain, [attrBytes(nft.NFTA_RULE_HANDLE, handle)]);
}

/** Refused with ENOENT where there is no such chain. */
export function flushChain(table: Table, chain: string): Request {
  return ruleRequest(`empty the nftables chain ${chain}`, nft.NFT_MSG_DELRULE, 0, table, chain);
}

/** Answered by the rules of one chain; refused with ENOENT where table or chain is missing. */
export function listRules(table: Table, chain: string): Request {
  return ruleRequest(`list the nftables chain ${chain}`, nft.NFT_MSG_GETRULE, NLM_F_DUMP, table, chain);
}

/** Answered by all rules of the table, chain by chain. */
export function listTableRules(table: Table): Request {
  return ruleRequest(`list the rules of the nftables table ${table.name}`, nft.NFT_MSG_GETRULE, NLM_F_DUMP, table);
}

/** @throws Truncated */
export function decodeRule(message: Message): KernelRule {
  const attributes = decodeAttributes(nftBody(message));
  return {
    chain: textAt(attributes, nft.NFTA_RULE_CHAIN) ?? '',
    handle: decodeRuleHandle(message),
    comment: decodeRuleComment(message),
    expressions: decodeExpressions(attributes.get(nft.NFTA_RULE_EXPRESSIONS) ?? new Uint8Array()),
  };
}

/** The comment alone. @throws Truncated */
export function decodeRuleComment(message: Message): string | undefined {
  const userdata = decodeAttributes(nftBody(message)).get(nft.NFTA_RULE_USERDATA);
  return decodeComment(userdata, nft.NFTNL_UDATA_RULE_COMMENT);
}

/** The handle alone. @throws Truncated */
export function decodeRuleHandle(message: Message): RuleHandle {
  return decodeAttributes(nftBody(message)).get(nft.NFTA_RULE_HANDLE) ?? new Uint8Array(8);
}

function newRule({ table, chain, expressions, comment }: Rule, flags: number, position: readonly Attribute[] = []) {
  return ruleRequest(`add the nftables rule "${comment}"`, nft.NFT_MSG_NEWRULE, flags, table, chain, [
    attrNest(nft.NFTA_RULE_EXPRESSIONS, ...expressions.map(encodeExpression)),
    ...position,
    attrComment(nft.NFTA_RULE_USERDATA, nft.NFTNL_UDATA_RULE_COMMENT, comment),
  ]);
}

function ruleRequest(
  operation: string,
  message: number,
  flags: number,
  table: Table,
  chain?: string,
  rest: readonly Attribute[] = [],
): Request {
  const place = chain === undefined ? [] : [attrText(nft.NFTA_RULE_CHAIN, chain)];
  const attributes = [attrText(nft.NFTA_RULE_TABLE, table.name), ...place, ...rest];
  return nftRequest({ operation, message, flags, family: table.family, attributes });
}
