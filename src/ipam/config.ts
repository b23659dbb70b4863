/** Schemas of what the configuration says about addresses: the `ipam` section and its ranges. Unknown keys are dropped. */

import { cidrSchema, ipSchema, optionalIpSchema, routeSchema } from '../schema/net.ts';
import * as z from '../schema/zod.ts';

type Something = NonNullable<unknown>;

/** A key that may be missing or null: to Go, whose programs write these files, both say nothing. */
function absentOr<Out>(schema: z.ZodMiniType<Out>) {
  const nothing = z.transform((value: unknown): Something | undefined => value ?? undefined);
  return z.optional(z.pipe(nothing, z.optional(schema) as z.ZodMiniType<Out | undefined, Something | undefined>));
}

const rangeKeys = {
  rangeStart: z.optional(optionalIpSchema),
  rangeEnd: z.optional(optionalIpSchema),
  gateway: z.optional(optionalIpSchema),
  exclude: absentOr(z.array(cidrSchema)),
};

/** One range: a subnet, and optionally which part of it is handed out. */
export const rangeSchema = z.object({ subnet: cidrSchema, ...rangeKeys });

/** The capability `ipRanges`, and `ranges`: outer list one address each, inner list pools tried in order. */
export const ipRangesSchema = z.array(z.array(rangeSchema));

/** The addresses of `args.cni.ips`. */
export const requestedIpsSchema = z.array(ipSchema);

/** The whole `ipam` section, as host-local has it, and `exclude`. */
export const ipamSchema = z.object({
  type: z.string(),
  name: absentOr(z.string()),
  subnet: z.optional(cidrSchema),
  ...rangeKeys,
  ranges: absentOr(ipRangesSchema),
  routes: absentOr(z.array(routeSchema)),
  dataDir: absentOr(z.string()),
  resolvConf: absentOr(z.string()),
});

export type RangeSection = z.output<typeof rangeSchema>;
export type IpamSection = z.output<typeof ipamSchema>;

/** Where host-local keeps its leases unless told otherwise. */
const DEFAULT_DATA_DIR = '/var/lib/cni/networks';

/** The directory that holds the leases of all networks. Enough for DEL, which must not trip over ranges. */
export function dataDirOf(section: Pick<IpamSection, 'dataDir'>): string {
  return section.dataDir === undefined || section.dataDir === '' ? DEFAULT_DATA_DIR : section.dataDir;
}
