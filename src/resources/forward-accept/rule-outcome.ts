/**
 * What becomes of a packet that a bridge forwards in another program's chain, as far as its rules are understood here. A rule
 * that is not understood counts as accepting: only a certain drop is reported.
 */

import { cString, readU32le } from '../../netlink/bytes.ts';
import * as nft from '../../netlink/nft/constants.ts';
import type { Expression } from '../../netlink/nft/expression.ts';
import type { KernelRule } from '../../netlink/nft/rule.ts';
import { verdictOf } from '../../netlink/nft/steps.ts';

type Outcome = 'may pass' | 'dropped' | 'returns';

/** What is known of a packet in a chain, by the chain's hook. */
export interface Packet {
  /** The interface that it came in by; undefined at a hook where not every kernel knows it. */
  readonly input: string | undefined;
  /** The interface that it leaves by; undefined: any interface. */
  readonly output?: string | undefined;
  /** It is the first of its connection, and connection tracking says so. */
  readonly isNew: boolean;
}

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
/** Steps that may decide in a way that the expression does not show. */
const OPAQUE = ['target', 'match', 'queue'];
/** Expressions of an unknown kind that may decide in such a way. */
const OPAQUE_KINDS = ['objref', 'dynset', 'fib', 'xfrm'];

/** What becomes of the packet in the chain. `trail` are the chains that the packet came through. */
export function outcomeOf(ruleset: Ruleset, chain: string, packet: Packet, trail: readonly string[] = []): Outcome {
  if (trail.includes(chain)) return 'may pass';
  let mayReturn = false;
  for (const rule of ruleset.rulesOf(chain)) {
    if (isExcluded(rule, packet, ruleset)) continue;
    const decision = decisionOf(ruleset, rule, packet, [...trail, chain]);
    if (decision === 'may pass') return decision;
    const isSure = isUnconditional(rule) || (isBranch(rule) && isFulfilled(rule, packet));
    if (decision === 'returns' && !isSure) mayReturn = true;
    else if (decision !== undefined && isSure) return mayReturn ? 'returns' : decision;
  }
  return 'returns';
}

/** What the rule does with a packet that it matches. Undefined where the packet goes on to the next rule. */
function decisionOf(ruleset: Ruleset, rule: KernelRule, packet: Packet, trail: readonly string[]): Outcome | undefined {
  const names = rule.expressions.map(({ name }) => name);
  if (names.includes('reject')) return 'dropped';
  if (rule.expressions.some(decidesElsewhere)) return 'may pass';
  const verdict = verdictOf(rule.expressions);
  if (verdict === undefined) return undefined;
  if (verdict.code === nft.NF_DROP) return 'dropped';
  if (verdict.code === nft.NFT_RETURN) return 'returns';
  if (verdict.chain === undefined) return 'may pass';
  const outcome = outcomeOf(ruleset, verdict.chain, packet, trail);
  return outcome === 'returns' && verdict.code === nft.NFT_JUMP ? undefined : outcome;
}

function isUnconditional({ expressions }: KernelRule): boolean {
  return expressions.every(({ name }) => PLAIN.includes(name));
}

/**
 * Whether the rule leads to a chain. A drop that names interfaces itself is what the administrator wants; a chain for an
 * interface is made by a program.
 */
function isBranch({ expressions }: KernelRule): boolean {
  return verdictOf(expressions)?.chain !== undefined;
}

function decidesElsewhere(step: Expression): boolean {
  if (step.name === 'lookup') return step.destination === nft.NFT_REG_VERDICT;
  return step.name === 'unknown' ? OPAQUE_KINDS.includes(step.kind) : OPAQUE.includes(step.name);
}

/** Whether one of the conditions is known to fail: it asks for another interface, or for an established connection. */
function isExcluded({ expressions }: KernelRule, packet: Packet, ruleset: Ruleset): boolean {
  return expressions.some((step, at) => {
    const next = expressions[at + 1];
    if (next === undefined) return false;
    if (step.name === 'meta') return matchesInterface(step, next, packet) === false;
    if (step.name !== 'ct' || !packet.isNew) return false;
    return step.key === nft.NFT_CT_STATUS || (step.key === nft.NFT_CT_STATE && excludesNew(next, ruleset));
  });
}

/** Whether all conditions are known to hold, unless one excludes the packet: they ask for known interfaces alone. */
function isFulfilled({ expressions }: KernelRule, packet: Packet): boolean {
  const isKnown = (at: number) => matchesInterface(expressions[at], expressions[at + 1], packet) !== undefined;
  return expressions.every(({ name }, at) => PLAIN.includes(name) || isKnown(at) || isKnown(at - 1));
}

/** Undefined where the two steps do not compare the name of a known interface. */
function matchesInterface(
  load: Expression | undefined,
  comparison: Expression | undefined,
  packet: Packet,
): boolean | undefined {
  if (load?.name !== 'meta' || comparison?.name !== 'cmp') return undefined;
  const name = { [nft.NFT_META_IIFNAME]: packet.input, [nft.NFT_META_OIFNAME]: packet.output }[load.key];
  if (name === undefined || ![nft.NFT_CMP_EQ, nft.NFT_CMP_NEQ].includes(comparison.operator)) return undefined;
  const own = cString(name);
  // A shorter value is the beginning of a name, as of `veth*`.
  const isSame = comparison.value.every((byte, at) => byte === (own[at] ?? 0));
  return isSame === (comparison.operator === nft.NFT_CMP_EQ);
}

function excludesNew(step: Expression, ruleset: Ruleset): boolean {
  if (step.name === 'bitwise') return (stateOf(step.mask) & STATE_NEW) === 0;
  if (step.name === 'cmp') return stateOf(step.value) !== STATE_NEW;
  return step.name === 'lookup' && !ruleset.keysOf(step.set).some((key) => stateOf(key) === STATE_NEW);
}

function stateOf(bytes: Uint8Array): number {
  return bytes.length < 4 ? 0 : readU32le(bytes);
}
