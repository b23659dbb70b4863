/** FORWARD of the older iptables: read from the kernel, changed through the program. */

import type { Family } from '../address/ip.ts';
import { Fault } from '../fault.ts';
import { decodeEntries, type LegacyEntry, type LegacyTable } from '../netlink/xtables.ts';
import { acceptChain, FORWARD, RULES } from './accept-chain.ts';
import { type Drop, dropOf, type ForwardRule, placeFor } from './forward-drop.ts';
import { findLegacyTable } from './legacy-tables.ts';
import { type Programs, quoted, type Refusal, restore } from './xtables.ts';

const NF_INET_LOCAL_IN = 1;
const NF_INET_FORWARD = 2;
const NF_INET_LOCAL_OUT = 3;
/** -NF_DROP - 1, and -NF_ACCEPT - 1, as a verdict stands in an entry. */
const DROP = -1;
const ACCEPT = -2;
const ATTEMPTS = 5;
/** What iptables takes for an interface and not for a pattern, a negation or an option. */
const PLAIN_NAME = /^[\w.][\w.:@-]*$/;

export interface LegacyForward {
  /** What drops that no rule accepts. */
  readonly drop: Drop | undefined;
  /** The chain that an accept belongs in. */
  readonly place: string;
  /** The bridge's own chain, if it is there: how many rules it has. */
  readonly rules: number | undefined;
  /** The chains with a rule that leads to the bridge's. */
  readonly jumps: readonly string[];
}

/** How things stand for the bridge. Undefined where the kernel has no such table. @throws SystemError */
export function readLegacyForward(family: Family, bridge: string): LegacyForward | undefined {
  const table = findLegacyTable(family, 'filter');
  if (table === undefined) return undefined;
  const rules = rulesOf(table);
  const policy = rules.find(({ entry }) => entry.offset === table.underflow[NF_INET_FORWARD]);
  const own = rules.filter(({ chain }) => chain === acceptChain(bridge));
  const forward = rules.filter((rule) => rule.chain === FORWARD && rule !== policy);
  return {
    drop: dropOf(forward, policy?.entry.verdict === DROP),
    place: placeFor(forward),
    // The last one is what leads back.
    rules: own.length === 0 ? undefined : own.length - 1,
    jumps: rules.filter(({ target }) => target === acceptChain(bridge)).map(({ chain }) => chain),
  };
}

export function isAcceptedInLegacy({ rules, jumps }: LegacyForward): boolean {
  return rules === RULES && jumps.length > 0;
}

/** Puts the accept in, once for the bridge, whoever else does the same. @throws Fault `unsupported` without iptables */
export function ensureLegacyAccept(programs: Programs, family: Family, bridge: string): void {
  verifySpeakable(bridge);
  const name = acceptChain(bridge);
  const accepts = [`-A ${name} -i ${quoted(bridge)} -j ACCEPT`, `-A ${name} -o ${quoted(bridge)} -j ACCEPT`];
  repeated(programs, family, bridge, (seen) => {
    if (isAcceptedInLegacy(seen)) return undefined;
    const jump = `-I ${seen.place} -j ${name}`;
    // -N is refused where another process was first; the other line empties the chain.
    if (seen.rules === undefined) return [`-N ${name}`, ...accepts, jump];
    return [`:${name} - [0:0]`, ...accepts, ...(seen.jumps.length === 0 ? [jump] : [])];
  });
}

/** Takes the accept out. @throws Fault */
export function removeLegacyAccept(programs: Programs, family: Family, bridge: string): void {
  const name = acceptChain(bridge);
  repeated(programs, family, bridge, ({ rules, jumps }) =>
    rules === undefined ? undefined : [...jumps.map((chain) => `-D ${chain} -j ${name}`), `-F ${name}`, `-X ${name}`],
  );
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

interface PlacedRule extends ForwardRule {
  readonly chain: string;
  readonly entry: LegacyEntry;
}

/** The entries with the names of their chains: those that hooks lead to, and those that an entry of their own names. */
function rulesOf(table: LegacyTable): PlacedRule[] {
  const entries = decodeEntries(table);
  const starts = new Map<number, string>(
    [
      [NF_INET_LOCAL_IN, 'INPUT'] as const,
      [NF_INET_FORWARD, FORWARD] as const,
      [NF_INET_LOCAL_OUT, 'OUTPUT'] as const,
    ].map(([hook, name]) => [table.hookEntry[hook] ?? -1, name]),
  );
  for (const [at, { heads }] of entries.entries()) {
    const next = entries[at + 1];
    if (heads !== undefined && next !== undefined) starts.set(next.offset, heads);
  }
  let chain = '';
  const rules: PlacedRule[] = [];
  for (const entry of entries) {
    chain = starts.get(entry.offset) ?? chain;
    const { verdict } = entry;
    const target = verdict !== undefined && verdict >= 0 ? starts.get(verdict) : undefined;
    if (entry.heads === undefined) rules.push({ chain, entry, fate: fateOf(entry), target });
  }
  return rules;
}

function fateOf({ isUnconditional, verdict, target }: LegacyEntry): ForwardRule['fate'] {
  if (!isUnconditional) return undefined;
  if (verdict === DROP || target === 'REJECT') return 'drop';
  return verdict === ACCEPT ? 'accept' : undefined;
}
