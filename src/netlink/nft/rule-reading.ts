/** What a rule says, as far as somebody else's rules must be understood. */

import { type Attributes, attrText, decodeAttributes, listAttributes, nested, textAt, u32beAt } from '../attribute.ts';
import { readCString } from '../bytes.ts';
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
  return {
    chain: textAt(attributes, nft.NFTA_RULE_CHAIN) ?? '',
    handle: decodeRuleHandle(message),
    expressions: listAttributes(attributes.get(nft.NFTA_RULE_EXPRESSIONS) ?? new Uint8Array()).map(({ payload }) =>
      decodeExpression(decodeAttributes(payload)),
    ),
  };
}

/** The interface whose whole name two steps compare with (see `matchInterface`); undefined where they do something else. */
export function interfaceOf(
  load: ReadExpression | undefined,
  compare: ReadExpression | undefined,
): { readonly direction: 'in' | 'out'; readonly name: string } | undefined {
  if (load?.name !== 'meta' || compare?.name !== 'cmp') return undefined;
  const key = u32beAt(load.data, nft.NFTA_META_KEY);
  const value = nested(compare.data, nft.NFTA_CMP_DATA).get(nft.NFTA_DATA_VALUE);
  const isName = value?.at(-1) === 0 && u32beAt(compare.data, nft.NFTA_CMP_OP) === nft.NFT_CMP_EQ;
  if (!isName || (key !== nft.NFT_META_IIFNAME && key !== nft.NFT_META_OIFNAME)) return undefined;
  return { direction: key === nft.NFT_META_IIFNAME ? 'in' : 'out', name: readCString(value) };
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

/** The target or match of iptables that a step is, by its name and data; nf_tables knows them by name alone. */
export interface Extension {
  readonly kind: 'target' | 'match';
  readonly name: string;
  readonly revision: number;
  readonly info: Uint8Array;
}

/** Undefined for a step that is nf_tables' own. */
export function extensionOf({ name, data }: ReadExpression): Extension | undefined {
  if (name !== 'target' && name !== 'match') return undefined;
  return {
    kind: name,
    name: textAt(data, nft.NFTA_EXTENSION_NAME) ?? '',
    revision: u32beAt(data, nft.NFTA_MATCH_REV) ?? 0,
    info: data.get(nft.NFTA_MATCH_INFO) ?? new Uint8Array(),
  };
}

function decodeExpression(attributes: Attributes): ReadExpression {
  const name = textAt(attributes, nft.NFTA_EXPR_NAME) ?? '';
  return { name, data: nested(attributes, nft.NFTA_EXPR_DATA) };
}
