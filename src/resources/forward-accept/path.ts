/**
 * The path of a packet through FORWARD of iptables, of either flavour, where no rule with a condition decides about the packet:
 * which rules the packet meets, and where it is dropped.
 */

import { acceptChain, FORWARD, isAcceptChain } from './chain.ts';

/** What a rule does with the packets that meet its conditions. `continue`: nothing that decides. `queue`: a program decides. */
export type Action = 'accept' | 'drop' | 'return' | 'continue' | 'queue' | 'unknown' | Branch;

/** Leads to another chain; `goto` where the packet does not come back to the next rule. */
interface Branch {
  readonly chain: string;
  readonly goto: boolean;
}

/** A rule of a chain. `Handle` identifies it in its flavour. */
export interface ChainRule<Handle> {
  readonly handle: Handle;
  readonly isConditional: boolean;
  /** The one interface that a packet must come in by, where the rule names one. */
  readonly input?: string | undefined;
  /** The rule asks for a port of a bridge (`-m physdev`). */
  readonly isPhysdev?: boolean;
  readonly action: Action;
}

/** A table `filter`. */
interface FilterTable<Handle> {
  rulesOf(chain: string): readonly ChainRule<Handle>[];
  /** The policy of FORWARD is DROP. */
  readonly policyDrops: boolean;
}

/** A place for a rule: in front of the rule `before`, or at the end of the chain. */
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
  /** The rules that the packet meets, in order. */
  readonly met: readonly ChainRule<Handle>[];
  /** The rules of the same chains that the packet never reaches. */
  readonly unreached: readonly ChainRule<Handle>[];
  /** Undefined where a rule or the policy accepts the packet. */
  readonly drop: Drop<Handle> | undefined;
}

/** How the accept of a bridge stands on that path. */
type Standing = 'in place' | 'too early' | 'too late' | 'missing' | 'not needed';

type Walk<Handle> = Record<'met' | 'unreached', ChainRule<Handle>[]>;

/** How a packet leaves a chain. */
type End<Handle> = { readonly how: 'accepted' | 'dropped' | 'returned'; readonly place: Place<Handle> };

/** Targets of iptables behind which the packet goes on (iptables-extensions(8)). */
const CONTINUING = new Set(
  'AUDIT CHECKSUM CLASSIFY CONNMARK CONNSECMARK CT DSCP ECN HL IDLETIMER LED LOG MARK NFLOG NOTRACK RATEEST SECMARK SET TCPMSS TCPOPTSTRIP TEE TOS TRACE TTL ULOG'.split(
    ' ',
  ),
);

/** What a target of iptables does that is no plain verdict. */
export function actionOfTarget(name: string): Action {
  if (name === 'REJECT') return 'drop';
  if (name === 'NFQUEUE') return 'queue';
  return CONTINUING.has(name) ? 'continue' : 'unknown';
}

/** Follows the packet. Chains that it does not reach are not read. */
export function forwardPath<Handle>(table: FilterTable<Handle>): ForwardPath<Handle> {
  const walk: Walk<Handle> = { met: [], unreached: [] };
  const { how, place } = follow(table, FORWARD, walk);
  if (how === 'dropped') return { ...walk, drop: { by: 'rule', place } };
  return { ...walk, drop: how === 'returned' && table.policyDrops ? { by: 'policy', place } : undefined };
}

/**
 * How the accept of a link stands on the path. `in place`: only accepts stand between it and the drop. `too early`: a rule
 * behind it may deny what it lets pass, so the accept overrules that rule. `too late`: packets are dropped, or returned to a
 * policy that drops them, in front of it. `not needed`: nothing drops, and it overrules no rule.
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

/** Whether a rule on the way may accept packets from port to port of the bridge, which depends on its condition alone. */
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

/** How the packet leaves the chain of that place at the rule there; undefined where it goes on to the next rule. */
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

/** Whether the rule may deny. An unconditional branch denies nothing by itself: the rules of its chain are met as well. */
function mayDeny<Handle>({ isConditional, action }: ChainRule<Handle>): boolean {
  if (typeof action === 'object') return isConditional && !isAcceptChain(action.chain);
  return action !== 'accept' && action !== 'continue';
}
