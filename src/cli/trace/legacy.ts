/** The older iptables, whose chains nf_tables does not trace: which of its tables have rules. */

import type { Family } from '../../address/ip.ts';
import { collecting } from '../../attempt.ts';
import { findLegacyTable, readLegacyChains } from '../../resources/iptables/legacy.ts';

const TABLES = ['filter', 'nat'] as const;

export interface LegacyState {
  readonly table: (typeof TABLES)[number];
  readonly rules: number;
  /** The built-in chains whose policy is DROP. */
  readonly dropping: readonly string[];
}

/** The tables of the current namespace that have rules, or a policy that drops. Empty where they cannot be read. */
export function readLegacy(family: Family): LegacyState[] {
  const found: LegacyState[] = [];
  for (const table of TABLES)
    collecting(() => {
      const entries = findLegacyTable(family, table);
      if (entries === undefined) return;
      const { chains, dropping } = readLegacyChains(entries);
      const rules = [...chains.values()].reduce((sum, all) => sum + all.length, 0);
      if (rules > 0 || dropping.length > 0) found.push({ table, rules, dropping });
    });
  return found;
}

/** `filter (3 rules, FORWARD drops by policy), nat (1 rule)` */
export function legacyText(states: readonly LegacyState[]): string {
  return states
    .map(({ table, rules, dropping }) => {
      const policy =
        dropping.length === 0
          ? ''
          : `, ${dropping.join(' and ')} ${dropping.length === 1 ? 'drops' : 'drop'} by policy`;
      return `${table} (${rules === 1 ? '1 rule' : `${rules} rules`}${policy})`;
    })
    .join(', ');
}
