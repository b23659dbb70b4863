/**
 * Schemas of what the configuration says about addresses: the `ipam` section and its ranges. Unknown keys are dropped.
 */

import { cidrSchema, createRouteSchema, laterSchema, optionalIpSchema, textSchema } from '../schema/net.ts';
import * as z from '../schema/zod.ts';

const rangeKeys = {
  rangeStart: optionalIpSchema,
  rangeEnd: optionalIpSchema,
  gateway: optionalIpSchema,
  exclude: laterSchema(() => z.array(cidrSchema)),
};

/** One range: a subnet, and optionally which part of it is handed out. */
export const rangeSchema = z.object({ subnet: cidrSchema, ...rangeKeys });

/** The capability `ipRanges`, and `ranges`: outer list one address each, inner list pools tried in order. */
export const ipRangesSchema = z.array(z.array(rangeSchema));

/** The whole `ipam` section, as host-local has it, and `exclude`. */
export const ipamSchema = z.object({
  type: z.string(),
  name: textSchema,
  subnet: z.optional(cidrSchema),
  ...rangeKeys,
  ranges: z.optional(ipRangesSchema),
  routes: laterSchema(() => z.array(createRouteSchema())),
  dataDir: textSchema,
  resolvConf: textSchema,
});

export type RangeSection = z.output<typeof rangeSchema>;
export type IpamSection = z.output<typeof ipamSchema>;

/** Where host-local keeps its leases unless told otherwise. */
const DEFAULT_DATA_DIR = '/var/lib/cni/networks';

/** The directory that holds the leases of all networks. Enough for DEL, which must not trip over ranges. */
export function dataDirOf(section: Pick<IpamSection, 'dataDir'>): string {
  return section.dataDir === undefined || section.dataDir === '' ? DEFAULT_DATA_DIR : section.dataDir;
}
