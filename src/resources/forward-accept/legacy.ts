/** FORWARD of the older iptables: read from the kernel, changed through the program. */

import type { Family } from '../../address/ip.ts';
import { Fault } from '../../fault.ts';
import { isStateMatch } from '../../netlink/xt-conntrack.ts';
import { decodeEntries, type LegacyEntry, type LegacyTable } from '../../netlink/xtables.ts';
import { type Programs, quoted, type Refusal, restore } from '../iptables/iptables.ts';
import { findLegacyTable } from '../iptables/legacy-tables.ts';
import { type Accept, acceptChain, acceptsOf, FORWARD, type ForwardMode } from './chain.ts';
import {
  type Action,
  actionOfTarget,
  type Branch,
  type ChainRule,
  type ForwardPath,
  forwardPath,
  type Place,
  type Standing,
  standingOf,
} from './path.ts';

const NF_INET_LOCAL_IN = 1;
const NF_INET_FORWARD = 2;
const NF_INET_LOCAL_OUT = 3;
/** -NF_DROP - 1, -NF_ACCEPT - 1 and XT_RETURN, as a verdict stands in an entry. */
const DROP = -1;
const ACCEPT = -2;
const RETURN = -5;
const ATTEMPTS = 5;
/** What iptables takes for an interface and not for a pattern, a negation or an option. */
const PLAIN_NAME = /^[\w.][\w.:@-]*$/;

/** How things stand for a bridge in one family. A rule's handle is its number in its chain, from 1. */
export interface LegacyForward {
  readonly path: ForwardPath<number>;
  readonly standing: Standing;
  /** The rules of the bridge's own chain, if it is there. */
  readonly own: readonly LegacyRule[] | undefined;
  /** The rules that lead to that chain, wherever they stand. */
  readonly ways: readonly LegacyRule[];
}

interface LegacyRule extends ChainRule<number> {
  readonly chain: string;
  readonly entry: LegacyEntry;
}

/** Follows the packets of the bridge. Undefined where the kernel has no such table. @throws SystemError */
export function readLegacyForward(family: Family, bridge: string): LegacyForward | undefined {
  const table = findLegacyTable(family, 'filter');
  if (table === undefined) return undefined;
  const { chains, policyDrops } = readChains(table);
  const path = forwardPath({ policyDrops, rulesOf: (chain) => chains.get(chain) ?? [] });
  const name = acceptChain(bridge);
  const ways = [...chains.values()]
    .flat()
    .filter(({ action }) => typeof action === 'object' && !action.goto && action.chain === name);
  return { path, standing: standingOf(path, bridge), own: chains.get(name), ways };
}

/** Whether the chain of the bridge holds the rules of the mode, and no others. */
export function hasLegacyAccepts({ own }: LegacyForward, bridge: string, mode: ForwardMode): boolean {
  const wanted = acceptsOf(mode);
  return own?.length === wanted.length && wanted.every((accept, at) => isAccept(own[at] as LegacyRule, bridge, accept));
}

/** Whether `ensureLegacyAccept` would change nothing. */
export function isLegacyDone(seen: LegacyForward, bridge: string, mode: ForwardMode): boolean {
  if (seen.standing === 'not needed') return true;
  return seen.standing === 'in place' && seen.ways.length === 1 && hasLegacyAccepts(seen, bridge, mode);
}

/**
 * Puts the accept where the bridge's packets would be dropped, behind whatever may deny them; takes it out where nothing
 * drops and it overrules a rule. @throws Fault `unsupported` without iptables
 */
export function ensureLegacyAccept(programs: Programs, family: Family, bridge: string, mode: ForwardMode): void {
  verifySpeakable(bridge);
  const name = acceptChain(bridge);
  repeated(programs, family, bridge, (seen) => {
    if (isLegacyDone(seen, bridge, mode)) return undefined;
    const place = seen.path.drop?.place;
    if (place === undefined) return removals(seen, name);
    const accepts = acceptsOf(mode).map((accept) => acceptRule(name, bridge, accept));
    // -N is refused where another process was first; the other line empties the chain.
    const chain = seen.own === undefined ? `-N ${name}` : `:${name} - [0:0]`;
    return [...seen.ways.map(removal), chain, ...accepts, jump(name, place, seen.ways)];
  });
}

/** Takes the accept out. @throws Fault */
export function removeLegacyAccept(programs: Programs, family: Family, bridge: string): void {
  const name = acceptChain(bridge);
  repeated(programs, family, bridge, (seen) => (seen.own === undefined ? undefined : removals(seen, name)));
}

function removals({ ways }: LegacyForward, name: string): string[] {
  return [...ways.map(removal), `-F ${name}`, `-X ${name}`];
}

/** Not by its number, which another process may just have given to another rule. */
function removal({ chain, action }: LegacyRule): string {
  return `-D ${chain} -j ${(action as Branch).chain}`;
}

/** The numbers are those before the removals. */
function jump(name: string, { chain, before }: Place<number>, removed: readonly LegacyRule[]): string {
  if (before === undefined) return `-A ${chain} -j ${name}`;
  const earlier = removed.filter((rule) => rule.chain === chain && rule.handle < before).length;
  return `-I ${chain} ${before - earlier} -j ${name}`;
}

function acceptRule(name: string, bridge: string, { direction, states }: Accept): string {
  const match = states.length === 0 ? '' : ` -m conntrack --ctstate ${states.join(',')}`;
  return `-A ${name} -${direction === 'in' ? 'i' : 'o'} ${quoted(bridge)}${match} -j ACCEPT`;
}

/** Whether a rule says what `acceptRule` would. */
function isAccept({ entry, action }: LegacyRule, bridge: string, { direction, states }: Accept): boolean {
  const { input, output, more } = entry.header;
  const via = direction === 'in' ? [input, output] : [output, input];
  const [match, ...others] = entry.matches;
  const isMatched =
    states.length === 0 ? match === undefined : match?.name === 'conntrack' && isStateMatch(match.info, states);
  return action === 'accept' && !more && via[0] === bridge && via[1] === undefined && isMatched && others.length === 0;
}

/** Looks and changes until there is nothing to change: what was seen may be otherwise by the time of the change. */
function repeated(
  programs: Programs,
  family: Family,
  bridge: string,
  changesFor: (seen: LegacyForward) => readonly string[] | undefined,
): void {
  let refusal: Refusal | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const seen = readLegacyForward(family, bridge);
    const commands = seen && changesFor(seen);
    if (commands === undefined) return;
    refusal = restore(programs, family, 'legacy', { table: 'filter', commands });
  }
  throw (
    refusal?.fault ?? new Fault('busy', `cannot change what iptables accepts of ${bridge}: others change it as well`)
  );
}

/** @throws Fault `unsupported` for a name that iptables takes for something else */
export function verifySpeakable(bridge: string): void {
  if (PLAIN_NAME.test(bridge)) return;
  throw new Fault('unsupported', `cannot accept what ${bridge} forwards: iptables takes that name for a pattern`, {
    details: 'Give the bridge a name of letters, digits, "_", ".", ":", "@" and "-", or set "forward": "off".',
  });
}

/** The rules by chain, each chain's policy or end left out. */
function readChains(table: LegacyTable): { chains: Map<string, LegacyRule[]>; policyDrops: boolean } {
  const entries = decodeEntries(table);
  const names = chainNames(table, entries);
  const policies = new Set(table.underflow);
  const chains = new Map<string, LegacyRule[]>();
  let rules: LegacyRule[] = [];
  let chain = '';
  for (const [at, entry] of entries.entries()) {
    const begun = names.get(entry.offset);
    if (begun !== undefined) {
      chain = begun;
      rules = [];
      chains.set(chain, rules);
    }
    // A chain of the administrator ends in an entry that leads back, in front of the one that names the next chain.
    const isEnd = policies.has(entry.offset) || entries[at + 1]?.heads !== undefined;
    if (entry.heads !== undefined || isEnd) continue;
    rules.push({
      chain,
      entry,
      handle: rules.length + 1,
      isConditional: isConditional(entry),
      action: actionOf(entry, names),
    });
  }
  const policy = entries.find(({ offset }) => offset === table.underflow[NF_INET_FORWARD]);
  return { chains, policyDrops: policy?.verdict === DROP };
}

/** The chains by where they begin: those that hooks lead to, and those that an entry of their own names. */
function chainNames(table: LegacyTable, entries: readonly LegacyEntry[]): Map<number, string> {
  const builtIn = [
    [NF_INET_LOCAL_IN, 'INPUT'],
    [NF_INET_FORWARD, FORWARD],
    [NF_INET_LOCAL_OUT, 'OUTPUT'],
  ] as const;
  const names = new Map<number, string>(builtIn.map(([hook, name]) => [table.hookEntry[hook] ?? -1, name]));
  for (const [at, { heads }] of entries.entries()) {
    const next = entries[at + 1];
    if (heads !== undefined && next !== undefined) names.set(next.offset, heads);
  }
  return names;
}

function isConditional({ header, matches }: LegacyEntry): boolean {
  const { input, output, more } = header;
  return more || (input ?? output) !== undefined || matches.some(({ name }) => name !== 'comment');
}

function actionOf({ verdict, target, isGoto }: LegacyEntry, names: ReadonlyMap<number, string>): Action {
  if (target !== undefined) return actionOfTarget(target);
  if (verdict === DROP) return 'drop';
  if (verdict === ACCEPT) return 'accept';
  if (verdict === RETURN) return 'return';
  const chain = verdict === undefined ? undefined : names.get(verdict);
  return chain === undefined ? 'unknown' : { chain, goto: isGoto };
}
