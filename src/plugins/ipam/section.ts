/** The key `ipam` of a main plugin: its addresses come from this process, from another plugin, or there are none. */

import * as z from 'zod/mini';
import type { Delegation } from '../../cni/delegate.ts';
import type { Command, Environment } from '../../cni/environment.ts';
import type { IpamSection, optionalIpamSchema } from '../../ipam/config.ts';
import type { Log } from '../../log.ts';
import type { Parsed } from '../../schema/explain.ts';
import { isObject } from '../../schema/json.ts';
import { options } from '../../schema/net.ts';
import { distinctRoutes, verifyRoutes } from '../../schema/routes.ts';

/** The names of the IPAM plugin that this program is, and whose place it takes. */
export const OWN_IPAM: readonly string[] = ['trestle-ipam', 'host-local'];

/** The section of another IPAM plugin, which reads the rest itself. `dataDir` is where our record of the attachment lies. */
export const foreignIpamSchema = options({ type: z.string(), dataDir: z.string() });

type MainIpamSection = Parsed<typeof optionalIpamSchema>;

/** Where the addresses come from. Layer 2 only, where both are undefined. */
interface AddressSource {
  readonly ipam: IpamSection | undefined;
  readonly delegation: Delegation | undefined;
}

/** Whether another plugin is to give the addresses. The configuration is not validated yet. */
export function isDelegated(config: unknown): boolean {
  const type = isObject(config) && isObject(config.ipam) ? config.ipam.type : undefined;
  return typeof type === 'string' && type !== '' && !OWN_IPAM.includes(type);
}

/**
 * The section of the IPAM that this process does: each route once. Logs a warning for each key without effect.
 * @throws Fault `config` for routes that the kernel would refuse; not for DEL and GC, which make no routes and must not fail
 * for them
 */
export function readOwnSection(section: IpamSection, command: Command, log: Log): IpamSection {
  warnOfIdleKeys(section, log);
  const { routes } = section;
  if (routes === undefined) return section;
  if (command !== 'DEL' && command !== 'GC') verifyRoutes(routes, 'ipam.routes');
  return { ...section, routes: distinctRoutes(routes) };
}

/** Reads the key `ipam`, which is absent or has no type for layer 2 only. `input` is the stdin for another plugin. */
export function readAddressSource(
  section: MainIpamSection | undefined,
  { command, path, variables }: Environment,
  input: string,
  log: Log,
): AddressSource {
  const type = section?.type;
  if (type === undefined || type === '') return { ipam: undefined, delegation: undefined };
  if (OWN_IPAM.includes(type))
    return { ipam: readOwnSection({ ...section, type }, command, log), delegation: undefined };
  return { ipam: undefined, delegation: { type, path, variables, input } };
}

/**
 * Warns of keys that belong to `ipam.subnet`, where that is missing. The reference ignores them too, without a warning.
 * `exclude` holds for all ranges.
 */
function warnOfIdleKeys(section: IpamSection, log: Log): void {
  if (section.subnet !== undefined) return;
  for (const key of ['rangeStart', 'rangeEnd', 'gateway'] as const) {
    if (section[key] === undefined) continue;
    const place = `write it into the range that it is meant for, as ipam.ranges[0][0].${key}`;
    log('warn', `the key "ipam.${key}" has no effect without "ipam.subnet"; ${place}`);
  }
}
