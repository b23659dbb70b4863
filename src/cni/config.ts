/** The network configuration: the JSON on stdin, for both roles (CNI spec 1.1, section 1; keys of the reference bridge). */

import { ipamSchema, ipRangesSchema } from '../ipam/config.ts';
import {
  createDnsSchema,
  createIpsSchema,
  createMacSchema,
  flagSchema,
  laterSchema,
  mtuSchema,
  textSchema,
  unsignedSchema,
} from '../schema/net.ts';
import * as z from '../schema/zod.ts';

const ips = laterSchema(createIpsSchema);
const mac = laterSchema(createMacSchema);
const attachments = laterSchema(() => z.array(z.object({ containerID: z.string(), ifname: z.string() })));

/** What both roles read. `prevResult` is read later, and only by those who need it. */
const commonKeys = {
  cniVersion: textSchema,
  name: textSchema,
  type: textSchema,
  dns: laterSchema(createDnsSchema),
  args: laterSchema(() => z.object({ cni: z.optional(z.object({ ips, mac })) })),
  runtimeConfig: laterSchema(() => z.object({ ips, mac, ipRanges: z.optional(ipRangesSchema) })),
  prevResult: z.optional(z.unknown()),
  'cni.dev/valid-attachments': attachments,
  'cni.dev/attachments': attachments,
};

/** The IPAM plugin's. Made when it is called for, like the other: a process plays one role. */
export function ipamPluginSchema() {
  return z.object({ ...commonKeys, ipam: ipamSchema });
}

/** The main plugin's. */
export function mainPluginSchema() {
  const vlanId = unsignedSchema(4094);
  return z.object({
    ...commonKeys,
    bridge: textSchema,
    isGateway: flagSchema,
    isDefaultGateway: flagSchema,
    forceAddress: flagSchema,
    ipMasq: flagSchema,
    ipMasqBackend: textSchema,
    mtu: mtuSchema,
    hairpinMode: flagSchema,
    promiscMode: flagSchema,
    vlan: vlanId,
    vlanTrunk: laterSchema(() => z.array(z.object({ minID: vlanId, maxID: vlanId, id: vlanId }))),
    preserveDefaultVlan: flagSchema,
    macspoofchk: flagSchema,
    portIsolation: flagSchema,
    enabledad: flagSchema,
    disableContainerInterface: flagSchema,
    // {} is what the reference's users write for "no IPAM", so `type` may be missing.
    ipam: z.optional(z.object({ ...ipamSchema.def.shape, type: textSchema })),
  });
}

export type MainConfig = z.output<ReturnType<typeof mainPluginSchema>>;
export type IpamPluginConfig = z.output<ReturnType<typeof ipamPluginSchema>>;
