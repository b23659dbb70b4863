/** What a rule says, as far as somebody else's rules must be understood. */

import { type Attributes, attrText, decodeAttributes, listAttributes, nested, textAt, u32beAt } from '../attribute.ts';
import type { Request } from '../connection.ts';
import { type Message, NLM_F_DUMP } from '../message.ts';
import { nftBody, nftRequest, type Table } from './batch.ts';
import * as nft from './constants.ts';
import { decodeRuleHandle, type RuleHandle } from './rule-removal.ts';

export interface ReadRule {
  readonly chain: string;
  readonly handle: RuleHandle;
  readonly expressions: readonly ReadExpression[];
}

/** One step of a rule: `meta`, `cmp`, `immediate`, …, with its own attributes. */
export interface ReadExpression {
  readonly name: string;
  readonly data: Attributes;
}

/** A verdict that a rule comes to; `chain` where it is a jump or a goto. */
export interface Verdict {
  readonly code: number;
  readonly chain: string | undefined;
}

/** Answered by all rules of the table, chain by chain. */
export function listTableRules(table: Table): Request {
  return nftRequest({
    operation: `list the rules of the nftables table ${table.name}`,
    message: nft.NFT_MSG_GETRULE,
    flags: NLM_F_DUMP,
    family: table.family,
    attributes: [attrText(nft.NFTA_RULE_TABLE, table.name)],
  });
}

/** @throws Truncated */
export function decodeRule(message: Message): ReadRule {
  const attributes = decodeAttributes(nftBody(message));
  const list = attributes.get(nft.NFTA_RULE_EXPRESSIONS) ?? new Uint8Array();
  return {
    chain: textAt(attributes, nft.NFTA_RULE_CHAIN) ?? '',
    handle: decodeRuleHandle(message),
    expressions: listAttributes(list).map(({ payload }) => decodeExpression(decodeAttributes(payload))),
  };
}

/** The verdict that the rule gives by itself; undefined where it gives none, or looks it up. */
export function verdictOf({ expressions }: Pick<ReadRule, 'expressions'>): Verdict | undefined {
  for (const { name, data } of expressions) {
    if (name !== 'immediate' || u32beAt(data, nft.NFTA_IMMEDIATE_DREG) !== nft.NFT_REG_VERDICT) continue;
    const verdict = nested(nested(data, nft.NFTA_IMMEDIATE_DATA), nft.NFTA_DATA_VERDICT);
    const code = u32beAt(verdict, nft.NFTA_VERDICT_CODE);
    if (code !== undefined) return { code, chain: textAt(verdict, nft.NFTA_VERDICT_CHAIN) };
  }
  return undefined;
}

/** Steps that match nothing and decide nothing. */
const PASSED_BY = ['counter', 'log'];

/** What the rule does to every packet; undefined where that depends on the packet, or where the packet goes on. */
export function fateOf({ expressions }: Pick<ReadRule, 'expressions'>): 'accept' | 'drop' | undefined {
  const [step, ...more] = expressions.filter((one) => !isPassedBy(one));
  if (step === undefined || more.length > 0) return undefined;
  if (step.name === 'reject' || isExtension(step, 'target', 'REJECT')) return 'drop';
  const code = verdictOf({ expressions: [step] })?.code;
  return code === nft.NF_DROP ? 'drop' : code === nft.NF_ACCEPT ? 'accept' : undefined;
}

function isPassedBy(step: ReadExpression): boolean {
  return PASSED_BY.includes(step.name) || isExtension(step, 'match', 'comment');
}

/** A match or a target of iptables, which nf_tables knows by name alone. */
function isExtension({ name, data }: ReadExpression, kind: 'match' | 'target', extension: string): boolean {
  return name === kind && textAt(data, nft.NFTA_EXTENSION_NAME) === extension;
}

function decodeExpression(attributes: Attributes): ReadExpression {
  const name = textAt(attributes, nft.NFTA_EXPR_NAME) ?? '';
  return { name, data: nested(attributes, nft.NFTA_EXPR_DATA) };
}
