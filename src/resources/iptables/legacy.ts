/** The tables of the older iptables, as the kernel has them: which there are, and their chains and rules. */

import type { Family } from '../../address/ip.ts';
import { decodeEntries, type LegacyEntry, type LegacyTable, readLegacyTable } from '../../netlink/xtables.ts';
import { EACCES, ENOENT } from '../../sys/errno.ts';
import { readText } from '../../sys/file.ts';
import { SystemError } from '../../sys/libc.ts';
import { decodeLatin1 } from '../../sys/text.ts';

const LISTS: Record<Family, string> = { 4: '/proc/net/ip_tables_names', 6: '/proc/net/ip6_tables_names' };

/** A table of this netns. Undefined where there is none; asking the kernel for it would make one. @throws SystemError */
export function findLegacyTable(family: Family, table: 'nat' | 'filter'): LegacyTable | undefined {
  return namesOf(family).includes(table) ? readLegacyTable(family, table) : undefined;
}

/** Whether one of the texts stands anywhere in such a table: the name of a chain, a comment. @throws SystemError */
export function legacyTableHolds(family: Family, table: 'nat' | 'filter', texts: readonly string[]): boolean {
  const found = findLegacyTable(family, table);
  return found !== undefined && holdsAny(found.entries, texts);
}

/** Latin-1 makes one character of each byte, so this finds a text in whatever surrounds it. */
export function holdsAny(bytes: Uint8Array, texts: readonly string[]): boolean {
  const content = decodeLatin1(bytes);
  return texts.some((text) => content.includes(text));
}

/** In a user namespace the list may not be read, nor iptables be used: then there is none that could be dealt with. */
function namesOf(family: Family): string[] {
  try {
    return readText(LISTS[family]).split('\n');
  } catch (error) {
    if (error instanceof SystemError && [ENOENT, EACCES].includes(error.errno)) return [];
    throw error;
  }
}

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
