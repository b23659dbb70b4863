/**
 * Shapes of what the configuration says about addresses: the `ipam` section and its ranges. Unknown keys are dropped.
 */

import { cidr, ip, route, text } from '../schema/net.ts';
import { list, object, type ValueOf } from '../schema/shape.ts';

const rangeKeys = { subnet: cidr, rangeStart: ip, rangeEnd: ip, gateway: ip, exclude: list(cidr) };

/** One range: a subnet, and optionally which part of it is handed out. */
const range = object(rangeKeys, 'subnet');

/** The capability `ipRanges`, and `ranges`: outer list one address each, inner list pools tried in order. */
export const ipRangesShape = list(list(range));

const ipamKeys = {
  ...rangeKeys,
  type: text,
  name: text,
  ranges: ipRangesShape,
  routes: list(route),
  dataDir: text,
  resolvConf: text,
};

/** The whole `ipam` section, as host-local has it, and `exclude`. */
export const ipamShape = object(ipamKeys, 'type');

/** The same in the main plugin's configuration: {} is what the reference's users write for "no IPAM". */
export const optionalIpamShape = object(ipamKeys);

export type RangeSection = ValueOf<typeof range>;
export type IpamSection = ValueOf<typeof ipamShape>;
export type OptionalIpamSection = ValueOf<typeof optionalIpamShape>;

/** Where host-local keeps its leases unless told otherwise. */
const DEFAULT_DATA_DIR = '/var/lib/cni/networks';

/** The directory that holds the leases of all networks. Enough for DEL, which must not trip over ranges. */
export function dataDirOf(section: Pick<IpamSection, 'dataDir'>): string {
  return section.dataDir === undefined || section.dataDir === '' ? DEFAULT_DATA_DIR : section.dataDir;
}
