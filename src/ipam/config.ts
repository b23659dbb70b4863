/**
 * Schemas of what the configuration says about addresses: the `ipam` section and its ranges. Unknown keys are dropped.
 */

import * as z from 'zod/mini';
import type { Parsed } from '../schema/explain.ts';
import { cidr, ip, list, object, options, route } from '../schema/net.ts';

const text = z.string();
const rangeOptions = { rangeStart: ip, rangeEnd: ip, gateway: ip, exclude: list(cidr) };

/** One range: a subnet, and optionally which part of it is handed out. */
const range = object({ subnet: cidr }, rangeOptions);

/** The capability `ipRanges`, and the key `ranges`: a list of range sets, each a list of pools that are tried in order. */
export const ipRangesSchema = list(list(range));

const ipamOptions = {
  subnet: cidr,
  ...rangeOptions,
  name: text,
  ranges: ipRangesSchema,
  routes: list(route),
  dataDir: text,
  resolvConf: text,
};

/** The whole `ipam` section, as host-local has it, and `exclude`. */
export const ipamSchema = object({ type: text }, ipamOptions);

/** The same section in the configuration of the main plugin, where {} means "no IPAM" to users of the reference. */
export const optionalIpamSchema = options({ type: text, ...ipamOptions });

export type RangeSection = Parsed<typeof range>;
export type IpamSection = Parsed<typeof ipamSchema>;

/** Where host-local keeps its leases by default. */
export const DEFAULT_DATA_DIR = '/var/lib/cni/networks';

/** The directory that holds the leases of all networks. DEL reads this key alone, so that malformed ranges cannot fail it. */
export function dataDirOf(section: Pick<IpamSection, 'dataDir'>): string {
  return section.dataDir === undefined || section.dataDir === '' ? DEFAULT_DATA_DIR : section.dataDir;
}
