/** The ranges of the configurations against their leases: which are full, and which nearly. */

import { parseIp } from '../../../address/ip.ts';
import { Fault } from '../../../fault.ts';
import { countIn, dataDirOf, type IpamPlan, ipamSchema, leaseNames, planIpam, sizeOfSet } from '../../../ipam/index.ts';
import { parseWith } from '../../../schema/explain.ts';
import { isObject } from '../../../schema/json.ts';
import type { Configuration } from '../../inventory/configurations.ts';
import { editCommand } from '../attachments/commands.ts';
import type { Examination, Finding } from '../examination.ts';

/** What a configuration leases from, if this program does the leasing. */
export interface ConfiguredRanges {
  readonly file: string;
  /** Empty where the main plugin is another one than ours. */
  readonly bridge: string;
  /** The node has an address on the bridge. */
  readonly isGateway: boolean;
  readonly plan: IpamPlan;
}

/** The share of free addresses below which a warning comes: one in so many. */
const NEARLY = 10n;
const DEFAULT_BRIDGE = 'cni0';

/** The ranges of the configurations, without those that cannot be understood: the section `configurations` has these. */
export function configuredRanges({ inventory }: Examination): ConfiguredRanges[] {
  return inventory.configurations.flatMap((one) => rangesOf(one) ?? []);
}

/** A finding for each range set that is full or nearly full with what lives. Dead attachments make way by themselves. */
export function examineRanges(examination: Examination, ranges: readonly ConfiguredRanges[]): Finding[] {
  return ranges.flatMap(({ file, plan }) => {
    const names = leaseNames(plan.dataDir, plan.network);
    const isFar = plan.rangeSets.every((set) => BigInt(names.length) * NEARLY < sizeOfSet(set));
    return isFar ? [] : crowded(examination, file, plan, names);
  });
}

function crowded({ inventory }: Examination, file: string, plan: IpamPlan, names: readonly string[]): Finding[] {
  const dead = new Set(
    inventory.attachments
      .filter((one) => one.network === plan.network && one.dataDir === plan.dataDir && one.life.state === 'dead')
      .flatMap(({ addresses }) => addresses.map((address) => address.slice(0, address.lastIndexOf('/')))),
  );
  const held = names.filter((name) => !dead.has(name)).flatMap((name) => parseIp(name) ?? []);
  return plan.rangeSets.flatMap((set): Finding[] => {
    const total = sizeOfSet(set);
    const taken = countIn(set, held);
    const free = total - taken;
    if (free * NEARLY > total) return [];
    const subnets = set.ranges.map(({ label }) => label).join(' and ');
    const isFull = free === 0n;
    return [
      {
        level: isFull ? 'error' : 'warning',
        code: isFull ? 'range-exhausted' : 'range-nearly-full',
        subject: `network ${plan.network}`,
        what: isFull ? 'the next container gets no address' : `${free} addresses are left for new containers`,
        evidence: `${taken} of ${total} addresses of ${subnets} in ${file} are leased`,
        fix: editCommand(file),
        isSafe: false,
      },
    ];
  });
}

function rangesOf({ file, network, cniVersion, plugins, flaw }: Configuration): ConfiguredRanges | undefined {
  const plugin = plugins.find(({ json: { ipam } }) => isObject(ipam));
  const { json } = plugin ?? {};
  if (flaw !== undefined || json === undefined || !isObject(json.ipam)) return undefined;
  if (json.ipam.type !== 'trestle-ipam' && json.ipam.type !== 'host-local') return undefined;
  try {
    const section = parseWith(ipamSchema, json.ipam, file, 'config');
    const plan = planIpam({ network, cniVersion, section, requested: [] });
    const isBridge = plugin?.type === 'trestle' || plugin?.type === 'bridge';
    const bridge = typeof json.bridge === 'string' && json.bridge !== '' ? json.bridge : DEFAULT_BRIDGE;
    const isGateway = json.isGateway === true || json.isDefaultGateway === true;
    return { file, bridge: isBridge ? bridge : '', isGateway, plan: { ...plan, dataDir: dataDirOf(section) } };
  } catch (error) {
    if (error instanceof Fault) return undefined;
    throw error;
  }
}
