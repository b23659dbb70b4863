/**
 * The path through FORWARD of iptables, of either flavour, of a packet that no rule with a condition decides about: what it
 * meets, and where it is dropped.
 */

import { acceptChain, FORWARD, isAcceptChain } from './chain.ts';

/** What a rule does with the packets that meet its conditions. `continue`: nothing that decides. `queue`: a program decides. */
export type Action = 'accept' | 'drop' | 'return' | 'continue' | 'queue' | 'unknown' | Branch;

/** To another chain; `goto` where the packet does not come back to the rule behind. */
interface Branch {
  readonly chain: string;
  readonly goto: boolean;
}

/** A rule of a chain. `handle` is what the flavour knows it by. */
export interface ChainRule<Handle> {
  readonly handle: Handle;
  readonly isConditional: boolean;
  /** The one interface that a packet must come in by, where the rule names one. */
  readonly input?: string | undefined;
  /** It asks for a port of a bridge (`-m physdev`). */
  readonly isPhysdev?: boolean;
  readonly action: Action;
}

/** A table `filter`. */
interface FilterTable<Handle> {
  rulesOf(chain: string): readonly ChainRule<Handle>[];
  /** The policy of FORWARD is DROP. */
  readonly policyDrops: boolean;
}

/** A place for a rule: in front of that one, or at the chain's end. */
export interface Place<Handle> {
  readonly chain: string;
  readonly before: Handle | undefined;
}

export interface Drop<Handle> {
  readonly by: 'policy' | 'rule';
  /**
   * The place for an accept: behind every rule that may deny, and not in the chain of another program where that is possible,
   * since programs flush their own chains.
   */
  readonly place: Place<Handle>;
}

export interface ForwardPath<Handle> {
  /** The rules on the way, in the order in which the packet comes by them. */
  readonly met: readonly ChainRule<Handle>[];
  /** The rules of the same chains that it never reaches. */
  readonly unreached: readonly ChainRule<Handle>[];
  /** Undefined where it is accepted at the end, by a rule or by the policy. */
  readonly drop: Drop<Handle> | undefined;
}

/** How the accept of a bridge stands on that path. */
type Standing = 'in place' | 'too early' | 'too late' | 'missing' | 'not needed';

/** Targets of iptables behind which the packet goes on (iptables-extensions(8)). */
const CONTINUING = new Set(
  'AUDIT CHECKSUM CLASSIFY CONNMARK CONNSECMARK CT DSCP ECN HL IDLETIMER LED LOG MARK NFLOG NOTRACK RATEEST SECMARK SET TCPMSS TCPOPTSTRIP TEE TOS TRACE TTL ULOG'.split(
    ' ',
  ),
);

/** What a target of iptables does that is more than a verdict. */
export function actionOfTarget(name: string): Action {
  if (name === 'REJECT') return 'drop';
  if (name === 'NFQUEUE') return 'queue';
  return CONTINUING.has(name) ? 'continue' : 'unknown';
}

type Walk<Handle> = Record<'met' | 'unreached', ChainRule<Handle>[]>;

/** How a packet leaves a chain. */
type End<Handle> = { readonly how: 'accepted' | 'dropped' | 'returned'; readonly place: Place<Handle> };

/** Follows the packet. Chains that it does not come to are not asked for. */
export function forwardPath<Handle>(table: FilterTable<Handle>): ForwardPath<Handle> {
  const walk: Walk<Handle> = { met: [], unreached: [] };
  const { how, place } = follow(table, FORWARD, walk);
  if (how === 'dropped') return { ...walk, drop: { by: 'rule', place } };
  return { ...walk, drop: how === 'returned' && table.policyDrops ? { by: 'policy', place } : undefined };
}

/**
 * `in place`: nothing but accepts stands between it and the drop. `too early`: a rule behind it may deny what it lets pass, so
 * that rule is overruled. `too late`: packets are dropped, or returned to a policy that drops them, in front of it. `not needed`:
 * nothing drops, and it overrules nothing.
 */
export function standingOf<Handle>({ met, unreached, drop }: ForwardPath<Handle>, bridge: string): Standing {
  const isWay = (rule: ChainRule<Handle>) => leadsTo(rule, acceptChain(bridge));
  const at = met.findIndex(isWay);
  if (at >= 0 && met.slice(at + 1).some(mayDeny)) return 'too early';
  if (drop === undefined) return 'not needed';
  if (at >= 0) return 'in place';
  return unreached.some(isWay) ? 'too late' : 'missing';
}

/** Whether the rule sends every packet to that chain. */
export function leadsTo<Handle>({ isConditional, action }: ChainRule<Handle>, chain: string): boolean {
  return !isConditional && typeof action === 'object' && action.chain === chain;
}

/** Whether a rule on the way may accept what goes from port to port of the bridge, which only its condition decides. */
export function mayPass<Handle>({ met }: ForwardPath<Handle>, bridge: string): boolean {
  return met.some((rule) => rule.action !== 'drop' && (rule.input === bridge || rule.isPhysdev === true));
}

function follow<Handle>(table: FilterTable<Handle>, chain: string, walk: Walk<Handle>): End<Handle> {
  const rules = table.rulesOf(chain);
  for (const [at, rule] of rules.entries()) {
    const end = endAt(table, rule, { chain, before: rule.handle }, walk);
    if (end === undefined) continue;
    walk.unreached.push(...rules.slice(at + 1));
    return end;
  }
  return { how: 'returned', place: { chain, before: undefined } };
}

/** How the packet leaves the chain of that place at the rule there; undefined where it goes on to the next. */
function endAt<Handle>(
  table: FilterTable<Handle>,
  rule: ChainRule<Handle>,
  place: Place<Handle>,
  walk: Walk<Handle>,
): End<Handle> | undefined {
  const { isConditional, action } = rule;
  if (!isConditional && action === 'drop') return { how: 'dropped', place };
  if (!isConditional && action === 'return') return { how: 'returned', place };
  walk.met.push(rule);
  if (isConditional) return undefined;
  if (action === 'accept' || action === 'queue') return { how: 'accepted', place };
  if (typeof action !== 'object' || isAcceptChain(action.chain)) return undefined;
  const before = walk.met.length;
  const end = follow(table, action.chain, walk);
  if (end.how === 'returned' && !action.goto) return undefined;
  return walk.met.slice(before).some(mayDeny) ? end : { how: end.how, place };
}

/** An unconditional branch denies nothing by itself: the rules of its chain are met as well. */
function mayDeny<Handle>({ isConditional, action }: ChainRule<Handle>): boolean {
  if (typeof action === 'object') return isConditional && !isAcceptChain(action.chain);
  return action !== 'accept' && action !== 'continue';
}
