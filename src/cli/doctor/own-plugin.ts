/** Entries of configurations that this program carries out, read as the plugin reads them. */

import { asFault } from '../../attempt.ts';
import type { Environment } from '../../cni/environment.ts';
import { type NearKey, nearKeys, nearKeyText } from '../../cni/keys.ts';
import type { Fault } from '../../fault.ts';
import type { IpamPlan } from '../../ipam/index.ts';
import { planOf } from '../../plugins/allocation.ts';
import { type MainRequest, mainPluginSchema, readMainRequest } from '../../plugins/bridge/request.ts';
import { readSettings, type Settings } from '../../plugins/bridge/settings.ts';
import { statPath } from '../../sys/directory.ts';
import type { Configuration, PluginEntry } from '../inventory/configurations.ts';
import type { Examination } from './examination.ts';

/** What the plugin makes of an entry. */
export interface OwnEntry {
  readonly configuration: Configuration;
  readonly request: MainRequest;
  readonly settings: Settings;
  /** Undefined for layer 2 only, and where another plugin gives the addresses. */
  readonly ipam: IpamPlan | undefined;
}

/** An entry of ours: read, or refused; with what the plugin would log. */
export interface Reading {
  readonly configuration: Configuration;
  readonly entry: OwnEntry | undefined;
  readonly refusal: Fault | undefined;
  /** Keys that are nearly right. */
  readonly near: readonly NearKey[];
  /** The other warnings. */
  readonly warnings: readonly string[];
}

/** The name under which this program is the main plugin. */
const OWN_TYPE = 'trestle';

/** Every entry of the configurations for which a runtime would start this program. */
export function readOwnEntries(examination: Examination): Reading[] {
  const usable = examination.inventory.configurations.filter(({ flaw }) => flaw === undefined);
  return usable.flatMap((configuration) =>
    configuration.plugins
      .filter(({ type }) => isOwnType(type, examination.binDirs))
      .map((entry) => readEntry(configuration, entry, examination)),
  );
}

/** Whether the plugin of that name is this program, under its own name or as the file in a directory of plugins. */
export function isOwnType(type: string, binDirs: readonly string[]): boolean {
  if (type === OWN_TYPE) return true;
  const own = statPath('/proc/self/exe');
  const found = binDirs.map((directory) => statPath(`${directory}/${type}`)).find((one) => one?.isFile);
  return own !== undefined && found?.inode === own.inode && found.device === own.device;
}

function readEntry(configuration: Configuration, { json }: PluginEntry, examination: Examination): Reading {
  const logged: string[] = [];
  const { network: name, cniVersion } = configuration;
  const config = { ...json, ...(configuration.isList && { name, ...(cniVersion !== '' && { cniVersion }) }) };
  const near = nearKeys(mainPluginSchema(config), config);
  const warnings = () => logged.filter((text) => !near.some((one) => nearKeyText(one) === text));
  try {
    const input = { text: JSON.stringify(config), json: config };
    const request = readMainRequest(environmentOf(examination), input, (_, message) => logged.push(message));
    const settings = readSettings(request.config);
    const entry: OwnEntry = { configuration, request, settings, ipam: planOf(request) };
    return { configuration, entry, refusal: undefined, near, warnings: warnings() };
  } catch (error) {
    return { configuration, entry: undefined, refusal: asFault(error), near, warnings: warnings() };
  }
}

/** The call of a runtime that attaches some container. */
function environmentOf({ variables, binDirs }: Examination): Environment {
  return {
    command: 'ADD',
    ...{ containerId: 'doctor', netns: '', ifName: 'eth0', args: '', allowOwnNetns: false },
    path: binDirs,
    variables,
  };
}
