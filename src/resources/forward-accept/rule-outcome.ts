/**
 * What becomes of the first packet that a bridge forwards in somebody else's chain, as far as its rules can be understood.
 * Whatever is not understood counts as accepting: only a drop that is certain is told of.
 */

import { type Attributes, nested, textAt, u32beAt } from '../../netlink/attribute.ts';
import { cString, readU32le } from '../../netlink/bytes.ts';
import * as nft from '../../netlink/nft/constants.ts';
import { type ReadExpression, type ReadRule, verdictOf } from '../../netlink/nft/rule-reading.ts';

export type Outcome = 'may pass' | 'dropped' | 'returns';

/** A chain's rules by its name, and what a set of connection states holds. */
export interface Ruleset {
  rulesOf(chain: string): readonly ReadRule[];
  /** The keys of an anonymous set, in its own order of bytes. */
  keysOf(set: string): readonly Uint8Array[];
}

/** NFT_CT_STATE_BIT of a connection's first packet (linux/netfilter/nf_tables.h, nf_conntrack_common.h). */
const STATE_NEW = 8;
/** Steps that match nothing and decide nothing. */
const PLAIN = ['counter', 'log', 'immediate', 'reject'];
/** Steps that may decide, and that say how elsewhere. */
const OPAQUE = ['target', 'match', 'queue', 'objref', 'dynset', 'fib', 'xfrm'];

/** Of a packet that comes in through the bridge. `trail` are the chains that it came through. */
export function outcomeOf(ruleset: Ruleset, chain: string, bridge: string, trail: readonly string[] = []): Outcome {
  if (trail.includes(chain)) return 'may pass';
  let mayReturn = false;
  for (const rule of ruleset.rulesOf(chain)) {
    if (isExcluded(rule, bridge, ruleset)) continue;
    const decision = decisionOf(ruleset, rule, bridge, [...trail, chain]);
    if (decision === 'may pass') return decision;
    if (decision === 'returns' && !isUnconditional(rule)) mayReturn = true;
    else if (decision !== undefined && isUnconditional(rule)) return mayReturn ? 'returns' : decision;
  }
  return 'returns';
}

/** Undefined where the packet goes on to the next rule. */
function decisionOf(ruleset: Ruleset, rule: ReadRule, bridge: string, trail: readonly string[]): Outcome | undefined {
  const names = rule.expressions.map(({ name }) => name);
  if (names.includes('reject')) return 'dropped';
  if (names.some((name) => OPAQUE.includes(name)) || rule.expressions.some(isVerdictMap)) return 'may pass';
  const verdict = verdictOf(rule);
  if (verdict === undefined) return undefined;
  if (verdict.code === nft.NF_DROP) return 'dropped';
  if (verdict.code === nft.NFT_RETURN) return 'returns';
  if (verdict.chain === undefined) return 'may pass';
  const outcome = outcomeOf(ruleset, verdict.chain, bridge, trail);
  return outcome === 'returns' && verdict.code === nft.NFT_JUMP ? undefined : outcome;
}

function isUnconditional({ expressions }: ReadRule): boolean {
  return expressions.every(({ name }) => PLAIN.includes(name));
}

function isVerdictMap({ name, data }: ReadExpression): boolean {
  return name === 'lookup' && u32beAt(data, nft.NFTA_LOOKUP_DREG) === nft.NFT_REG_VERDICT;
}

/** Whether one of its conditions is known not to be fulfilled: another interface, a connection that is there already. */
function isExcluded({ expressions }: ReadRule, bridge: string, ruleset: Ruleset): boolean {
  return expressions.some(({ name, data }, at) => {
    const next = expressions[at + 1];
    if (next === undefined) return false;
    if (name === 'meta') return u32beAt(data, nft.NFTA_META_KEY) === nft.NFT_META_IIFNAME && excludesName(next, bridge);
    if (name !== 'ct') return false;
    const key = u32beAt(data, nft.NFTA_CT_KEY);
    return key === nft.NFT_CT_STATUS || (key === nft.NFT_CT_STATE && excludesNew(next, ruleset));
  });
}

/** A shorter value is the beginning of a name, as of `veth*`. */
function excludesName({ name, data }: ReadExpression, bridge: string): boolean {
  if (name !== 'cmp') return false;
  const own = cString(bridge);
  const matches = dataOf(data, nft.NFTA_CMP_DATA).every((byte, at) => byte === (own[at] ?? 0));
  return u32beAt(data, nft.NFTA_CMP_OP) === nft.NFT_CMP_EQ ? !matches : matches;
}

function excludesNew({ name, data }: ReadExpression, ruleset: Ruleset): boolean {
  if (name === 'bitwise') return (readU32le(dataOf(data, nft.NFTA_BITWISE_MASK)) & STATE_NEW) === 0;
  if (name === 'cmp') return readU32le(dataOf(data, nft.NFTA_CMP_DATA)) !== STATE_NEW;
  const set = name === 'lookup' ? textAt(data, nft.NFTA_LOOKUP_SET) : undefined;
  return set !== undefined && !ruleset.keysOf(set).some((key) => readU32le(key) === STATE_NEW);
}

function dataOf(data: Attributes, type: number): Uint8Array {
  return nested(data, type).get(nft.NFTA_DATA_VALUE) ?? new Uint8Array(4);
}
