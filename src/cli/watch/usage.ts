/** How much of each network's addresses is in use. */

import { collecting } from '../../attempt.ts';
import { ipamSchema, planIpam, type RangeSetStatus, rangeUsage } from '../../ipam/index.ts';
import { OWN_IPAM } from '../../plugins/ipam/section.ts';
import { parseWith } from '../../schema/explain.ts';
import { isObject } from '../../schema/json.ts';
import type { Inventory, StoredNetwork } from '../inventory/inventory.ts';

export interface Usage extends StoredNetwork {
  readonly used: number;
  readonly states: Readonly<Record<'alive' | 'dead' | 'unknown', number>>;
  /** Empty where no configuration of the node tells the ranges. */
  readonly sets: readonly RangeSetStatus[];
}

/** Counts the leases and attachments of each network, and the free addresses by the configurations. */
export function usageOf({ networks, attachments, configurations }: Inventory): Usage[] {
  return networks.map((place) => {
    const own = attachments.filter(({ network, dataDir }) => network === place.network && dataDir === place.dataDir);
    const states = { alive: 0, dead: 0, unknown: 0 };
    for (const { life } of own) states[life.state]++;
    const used = own.reduce((sum, { addresses }) => sum + addresses.length, 0);
    return { ...place, used, states, sets: freeOf(configurations, place) };
  });
}

/** A configuration that a call would refuse tells nothing; `trestle doctor` says what is wrong with it. */
function freeOf(
  configurations: Inventory['configurations'],
  { network, dataDir }: StoredNetwork,
): readonly RangeSetStatus[] {
  const named = configurations.filter((one) => one.network === network);
  for (const { cniVersion, plugins } of named) {
    for (const { json } of plugins) {
      const { ipam } = json;
      if (!isObject(ipam) || !OWN_IPAM.includes(String(ipam.type))) continue;
      let sets: readonly RangeSetStatus[] | undefined;
      collecting(() => {
        const section = parseWith(ipamSchema, ipam, 'the configuration', 'config');
        const plan = planIpam({ network, cniVersion, section, requested: [] });
        if (plan.dataDir === dataDir) sets = rangeUsage(plan);
      });
      if (sets !== undefined) return sets;
    }
  }
  return [];
}
