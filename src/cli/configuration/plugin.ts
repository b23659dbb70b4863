/** One plugin's part of a configuration, read by the readers of the plugins that this program is. */

import * as z from 'zod/mini';
import { collecting } from '../../attempt.ts';
import { nearestOf, tidyKeys } from '../../cni/keys.ts';
import { ipamSchema, planIpam } from '../../ipam/index.ts';
import { planRange } from '../../ipam/ranges.ts';
import { type Log, silentLog } from '../../log.ts';
import { type MainConfig, mainPluginSchema } from '../../plugins/bridge/request.ts';
import { settingsFaults } from '../../plugins/bridge/settings.ts';
import { ipamPluginSchema } from '../../plugins/ipam/ipam-plugin.ts';
import { isDelegated, OWN_IPAM, readOwnSection } from '../../plugins/ipam/section.ts';
import { issuesOf, type Parsed } from '../../schema/explain.ts';
import { isObject } from '../../schema/json.ts';
import { type Complaint, complainAt, complainOf, type Source } from './complaint.ts';
import { keyComplaints } from './keys.ts';
import type { FoundPlugin } from './list.ts';
import type { JsonPath } from './positions.ts';
import { knownTypes, OWN_TYPES } from './types.ts';

type Json = Record<string, unknown>;
type IpamSection = Parsed<typeof ipamSchema>;

/** Keys that have an effect only beside another one. */
const IDLE: readonly (readonly [key: keyof MainConfig, isIdle: (config: MainConfig) => boolean, why: string])[] = [
  ['ipMasqBackend', ({ ipMasq }) => ipMasq !== true, 'without "ipMasq": true'],
  ['forceAddress', (config) => !config.isGateway && !config.isDefaultGateway, 'where the bridge is no gateway'],
  ['preserveDefaultVlan', ({ vlan, vlanTrunk }) => !vlan && vlanTrunk === undefined, 'without a VLAN'],
];

/** The capabilities that the main plugin has; see `commonKeys`. */
const CAPABILITIES = ['ips', 'mac', 'ipRanges'];

/** The network that the plugin is part of. */
interface Network {
  readonly name: string;
  readonly cniVersion: string;
}

/** Everything that the plugin's own reader would complain of; nothing for a plugin that this program cannot stand in for. */
export function pluginComplaints(source: Source, { at, json: found }: FoundPlugin, network: Network): Complaint[] {
  const json = withMeantTypes(found);
  const isOwn = OWN_TYPES.includes(String(json.type));
  if (!isOwn && !(isObject(json.ipam) && OWN_IPAM.includes(String(json.ipam.type)))) return [];
  // Another main plugin reads its keys itself, and hands the whole object on to ours for the addresses.
  const schema: z.ZodMiniType = isOwn ? mainPluginSchema(json) : ipamPluginSchema;
  const tidied = tidyKeys(schema, json, silentLog) as Json;
  const strange = isOwn
    ? keyComplaints({ source, at, open: isDelegated(json) ? ['ipam'] : [] }, schema, json)
    : keyComplaints({ source, at: [...at, 'ipam'], open: [] }, ipamSchema, json.ipam);
  const issues = issuesOf(schema, tidied);
  const refused = issues.map(({ path, reason }) => complainAt(source, [...at, ...path], 'error', reason));
  const readable = withoutRefused(tidied, issues);
  const parsed = readable && z.safeParse(schema, readable);
  if (!parsed?.success) return [...strange, ...refused];
  const value = parsed.data as MainConfig;
  const isWhole = !issues.some(({ path }) => path[0] === 'ipam' || path[0] === 'runtimeConfig');
  const faults = isOwn ? settingsFaults(value) : [];
  return [
    ...strange,
    ...refused,
    ...faults.map((fault) => complainOf(source, at, fault)),
    ...(isOwn ? idleComplaints(source, at, value, json) : []),
    ...(isWhole && !isDelegated(tidied) ? ipamComplaints(source, at, value, network) : []),
  ];
}

/** The plugin with the types that are meant, where they are misspelt: it is judged by what it is meant to be. */
function withMeantTypes(json: Json): Json {
  const meant = (type: unknown, role: 'plugin' | 'ipam') => {
    if (typeof type !== 'string' || knownTypes(role).includes(type)) return type;
    return nearestOf(type, knownTypes(role)) ?? type;
  };
  const { type, ipam } = json;
  return {
    ...json,
    type: meant(type, 'plugin'),
    ...(isObject(ipam) && { ipam: { ...ipam, ...(ipam.type !== undefined && { type: meant(ipam.type, 'ipam') }) } }),
  };
}

/** The object without the keys that the schema refuses, so that the other keys can be judged; of `ipam`, without its keys. */
function withoutRefused(json: Json, issues: readonly { readonly path: readonly PropertyKey[] }[]): Json | undefined {
  const readable = { ...json };
  for (const { path } of issues) {
    const [key, inner] = path;
    if (key === undefined) return undefined;
    const section = readable.ipam;
    if (key === 'ipam' && inner !== undefined && isObject(section)) {
      const { [String(inner)]: _, ...others } = section;
      readable.ipam = others;
    } else delete readable[String(key)];
  }
  return readable;
}

function idleComplaints(source: Source, at: JsonPath, config: MainConfig, json: Json): Complaint[] {
  const idle = IDLE.filter(([key, isIdle]) => config[key] && isIdle(config)).map(([key, , why]) =>
    complainAt(source, [...at, key], 'warning', `the key "${key}" has no effect ${why}`),
  );
  const asked = isObject(json.capabilities) ? Object.entries(json.capabilities) : [];
  const foreign = asked.filter(([name, wanted]) => wanted === true && !CAPABILITIES.includes(name));
  const advice = 'It belongs to the plugin of the list that has it, such as portmap for "portMappings".';
  return [
    ...idle,
    ...foreign.map(([name]) => {
      const what = `the capability "${name}" has no effect here: the plugin has ${CAPABILITIES.join(', ')}`;
      return complainAt(source, [...at, 'capabilities', name], 'warning', what, { advice });
    }),
  ];
}

/** What is off about ranges and routes: of each range at least the first thing, and how the ranges go together. */
function ipamComplaints(source: Source, at: JsonPath, config: MainConfig, network: Network): Complaint[] {
  const type = config.ipam?.type;
  if (config.ipam === undefined || type === undefined || type === '') return [];
  const section: IpamSection = { ...config.ipam, type };
  const idle: Complaint[] = [];
  const log: Log = (_, message) => {
    const key = /^the key "ipam\.(\w+)"/.exec(message)?.[1];
    const path = key === undefined ? [...at, 'ipam'] : [...at, 'ipam', key];
    idle.push(complainAt(source, path, 'warning', message));
  };
  const { subnet, ranges = [] } = section;
  const single = subnet === undefined ? [] : [() => planRange({ ...section, subnet }, 'ipam')];
  const inSets = ranges.flatMap((set, i) => set.map((range, j) => () => planRange(range, `ipam.ranges[${i}][${j}]`)));
  const faults = collecting(() => readOwnSection(section, 'ADD', log), ...single, ...inSets);
  const isGiven = isObject(config.capabilities) && config.capabilities.ipRanges === true;
  if (faults.length === 0 && (subnet !== undefined || ranges.length > 0 || !isGiven)) {
    const inputs = { network: network.name, cniVersion: network.cniVersion, section, requested: [] };
    faults.push(...collecting(() => planIpam({ ...inputs, ipRanges: config.runtimeConfig?.ipRanges })));
  }
  return [...idle, ...faults.map((fault) => complainOf(source, at, fault))];
}
