/** Reads the tables of the older iptables from the kernel: which tables there are, and their chains and rules. */

import type { Family } from '../../address/ip.ts';
import { decodeEntries, type LegacyEntry, type LegacyTable, readLegacyTable } from '../../netlink/xtables.ts';
import { EACCES, ENOENT } from '../../sys/errno.ts';
import { readText } from '../../sys/file.ts';
import { SystemError } from '../../sys/libc.ts';
import { decodeLatin1 } from '../../sys/text.ts';

const LISTS: Record<Family, string> = { 4: '/proc/net/ip_tables_names', 6: '/proc/net/ip6_tables_names' };

/** The chains that begin at the hooks, by number (NF_INET_*). */
const BUILT_IN = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'];
/** -NF_DROP - 1, as a verdict stands in an entry. */
const DROP = -1;

export interface LegacyChains {
  /** The rules of each chain, by its name, without its policy or end. */
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

/** A table of this netns. Undefined where there is none: asking the kernel for it would make one. @throws SystemError */
export function findLegacyTable(family: Family, table: 'nat' | 'filter'): LegacyTable | undefined {
  return namesOf(family).includes(table) ? readLegacyTable(family, table) : undefined;
}

/** Whether one of the texts stands anywhere in such a table: the name of a chain, a comment. @throws SystemError */
export function legacyTableHolds(family: Family, table: 'nat' | 'filter', texts: readonly string[]): boolean {
  const found = findLegacyTable(family, table);
  return found !== undefined && holdsAny(found.entries, texts);
}

/** Whether the bytes hold one of the texts, whatever surrounds it: Latin-1 makes one character of each byte. */
export function holdsAny(bytes: Uint8Array, texts: readonly string[]): boolean {
  const content = decodeLatin1(bytes);
  return texts.some((text) => content.includes(text));
}

/** The chains of a table, with their rules. @throws Truncated */
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
    // A chain that is not built in ends in an entry that returns, in front of the entry that names the next chain.
    const isEnd = policies.has(entry.offset) || entries[at + 1]?.heads !== undefined;
    if (entry.heads !== undefined || isEnd) continue;
    const target = entry.verdict === undefined ? undefined : names.get(entry.verdict);
    rules.push({ chain, number: rules.length + 1, entry, target });
  }
  const policyOf = (hook: number) => entries.find(({ offset }) => offset === table.underflow[hook])?.verdict;
  return { chains, dropping: BUILT_IN.filter((_, hook) => policyOf(hook) === DROP) };
}

/**
 * The tables that this netns has. In a user namespace the list may be unreadable; then iptables cannot be used either, and
 * there is no table that this program could change.
 */
function namesOf(family: Family): string[] {
  try {
    return readText(LISTS[family]).split('\n');
  } catch (error) {
    if (error instanceof SystemError && [ENOENT, EACCES].includes(error.errno)) return [];
    throw error;
  }
}

/**
 * The names of the chains by the offset at which they begin: chains that hooks lead to, and chains that an entry of their own
 * names.
 */
function chainNames(table: LegacyTable, entries: readonly LegacyEntry[]): Map<number, string> {
  // For a hook that the table does not have, the kernel gives the offset 0xffffffff, at which there is no entry.
  const names = new Map<number, string>(BUILT_IN.map((name, hook) => [table.hookEntry[hook] ?? -1, name]));
  for (const [at, { heads }] of entries.entries()) {
    const next = entries[at + 1];
    if (heads !== undefined && next !== undefined) names.set(next.offset, heads);
  }
  return names;
}
