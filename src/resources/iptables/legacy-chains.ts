/** The chains of a table of the older iptables, with the rules of each. */

import { decodeEntries, type LegacyEntry, type LegacyTable } from '../../netlink/xtables.ts';

/** The hooks by number (NF_INET_*), and the chains that begin there. */
const BUILT_IN = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'];
/** -NF_DROP - 1, as a verdict stands in an entry. */
const DROP = -1;

export interface LegacyChains {
  /** By name; each chain's policy, or end, is left out. */
  readonly chains: ReadonlyMap<string, readonly LegacyRule[]>;
  /** The built-in chains whose policy is DROP. */
  readonly dropping: readonly string[];
}

export interface LegacyRule {
  readonly chain: string;
  /** In its chain, from 1. */
  readonly number: number;
  readonly entry: LegacyEntry;
  /** The chain that it leads to. */
  readonly target: string | undefined;
}

/** @throws Truncated */
export function readLegacyChains(table: LegacyTable): LegacyChains {
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
    const target = entry.verdict === undefined ? undefined : names.get(entry.verdict);
    rules.push({ chain, number: rules.length + 1, entry, target });
  }
  const policyOf = (hook: number) => entries.find(({ offset }) => offset === table.underflow[hook])?.verdict;
  return { chains, dropping: BUILT_IN.filter((_, hook) => policyOf(hook) === DROP) };
}

/** The chains by where they begin: those that hooks lead to, and those that an entry of their own names. */
function chainNames(table: LegacyTable, entries: readonly LegacyEntry[]): Map<number, string> {
  // No entry is where the kernel says that a hook begins which the table does not have: 0xffffffff.
  const names = new Map<number, string>(BUILT_IN.map((name, hook) => [table.hookEntry[hook] ?? -1, name]));
  for (const [at, { heads }] of entries.entries()) {
    const next = entries[at + 1];
    if (heads !== undefined && next !== undefined) names.set(next.offset, heads);
  }
  return names;
}
