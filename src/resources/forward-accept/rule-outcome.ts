/**
 * What becomes of the first packet that a bridge forwards in somebody else's chain, as far as its rules can be understood.
 * Whatever is not understood counts as accepting: only a drop that is certain is told of.
 */

import { cString, readU32le } from '../../netlink/bytes.ts';
import * as nft from '../../netlink/nft/constants.ts';
import type { Expression } from '../../netlink/nft/expression.ts';
import type { KernelRule } from '../../netlink/nft/rule.ts';
import { verdictOf } from '../../netlink/nft/steps.ts';

export type Outcome = 'may pass' | 'dropped' | 'returns';

/** A chain's rules by its name, and what a set of connection states holds. */
export interface Ruleset {
  rulesOf(chain: string): readonly KernelRule[];
  /** The keys of an anonymous set, in its own order of bytes. */
  keysOf(set: string): readonly Uint8Array[];
}

/** NFT_CT_STATE_BIT of a connection's first packet (linux/netfilter/nf_tables.h, nf_conntrack_common.h). */
const STATE_NEW = 8;
/** Steps that match nothing and decide nothing. */
const PLAIN = ['counter', 'log', 'immediate', 'reject'];
/** Steps that may decide, and that say how elsewhere. */
const OPAQUE = ['target', 'match', 'queue'];
/** The same, of those that are known by their names alone. */
const OPAQUE_KINDS = ['objref', 'dynset', 'fib', 'xfrm'];

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
function decisionOf(ruleset: Ruleset, rule: KernelRule, bridge: string, trail: readonly string[]): Outcome | undefined {
  const names = rule.expressions.map(({ name }) => name);
  if (names.includes('reject')) return 'dropped';
  if (rule.expressions.some(decidesElsewhere)) return 'may pass';
  const verdict = verdictOf(rule.expressions);
  if (verdict === undefined) return undefined;
  if (verdict.code === nft.NF_DROP) return 'dropped';
  if (verdict.code === nft.NFT_RETURN) return 'returns';
  if (verdict.chain === undefined) return 'may pass';
  const outcome = outcomeOf(ruleset, verdict.chain, bridge, trail);
  return outcome === 'returns' && verdict.code === nft.NFT_JUMP ? undefined : outcome;
}

function isUnconditional({ expressions }: KernelRule): boolean {
  return expressions.every(({ name }) => PLAIN.includes(name));
}

function decidesElsewhere(step: Expression): boolean {
  if (step.name === 'lookup') return step.destination === nft.NFT_REG_VERDICT;
  return step.name === 'unknown' ? OPAQUE_KINDS.includes(step.kind) : OPAQUE.includes(step.name);
}

/** Whether one of its conditions is known not to be fulfilled: another interface, a connection that is there already. */
function isExcluded({ expressions }: KernelRule, bridge: string, ruleset: Ruleset): boolean {
  return expressions.some((step, at) => {
    const next = expressions[at + 1];
    if (next === undefined) return false;
    if (step.name === 'meta') return step.key === nft.NFT_META_IIFNAME && excludesName(next, bridge);
    if (step.name !== 'ct') return false;
    return step.key === nft.NFT_CT_STATUS || (step.key === nft.NFT_CT_STATE && excludesNew(next, ruleset));
  });
}

/** A shorter value is the beginning of a name, as of `veth*`. */
function excludesName(step: Expression, bridge: string): boolean {
  if (step.name !== 'cmp') return false;
  const own = cString(bridge);
  const matches = step.value.every((byte, at) => byte === (own[at] ?? 0));
  return step.operator === nft.NFT_CMP_EQ ? !matches : matches;
}

function excludesNew(step: Expression, ruleset: Ruleset): boolean {
  if (step.name === 'bitwise') return (stateOf(step.mask) & STATE_NEW) === 0;
  if (step.name === 'cmp') return stateOf(step.value) !== STATE_NEW;
  return step.name === 'lookup' && !ruleset.keysOf(step.set).some((key) => stateOf(key) === STATE_NEW);
}

function stateOf(bytes: Uint8Array): number {
  return bytes.length < 4 ? 0 : readU32le(bytes);
}
