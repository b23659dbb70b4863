/** The network configuration: the JSON on stdin, for both roles (CNI spec 1.1, section 1; keys of the reference bridge). */

import { ipamSchema, ipRangesSchema } from '../ipam/config.ts';
import { absentOr, emptyOr } from '../schema/absent.ts';
import { dnsSchema, ipOrCidrSchema, macSchema, mtuSchema } from '../schema/net.ts';
import * as z from '../schema/zod.ts';

const vlanId = z.int().check(z.minimum(0), z.maximum(4094));
const attachmentSchema = z.object({ containerID: z.string(), ifname: z.string() });

/** What both roles read. `ipam` is left as it is: what it must be depends on its type. */
const commonKeys = {
  cniVersion: absentOr(z.string()),
  name: absentOr(z.string()),
  type: absentOr(z.string()),
  dns: absentOr(dnsSchema),
  args: absentOr(
    z.object({ cni: absentOr(z.object({ ips: absentOr(z.array(ipOrCidrSchema)), mac: emptyOr(macSchema) })) }),
  ),
  runtimeConfig: absentOr(
    z.object({ ips: absentOr(z.array(ipOrCidrSchema)), mac: emptyOr(macSchema), ipRanges: absentOr(ipRangesSchema) }),
  ),
  prevResult: absentOr(z.unknown()),
  'cni.dev/valid-attachments': absentOr(z.array(attachmentSchema)),
  'cni.dev/attachments': absentOr(z.array(attachmentSchema)),
};

export const ipamPluginSchema = z.object({ ...commonKeys, ipam: ipamSchema });

export const mainPluginSchema = z.object({
  ...commonKeys,
  bridge: absentOr(z.string()),
  isGateway: absentOr(z.boolean()),
  isDefaultGateway: absentOr(z.boolean()),
  forceAddress: absentOr(z.boolean()),
  ipMasq: absentOr(z.boolean()),
  ipMasqBackend: absentOr(z.enum(['nftables', 'iptables', ''])),
  mtu: absentOr(mtuSchema),
  hairpinMode: absentOr(z.boolean()),
  promiscMode: absentOr(z.boolean()),
  vlan: absentOr(vlanId),
  vlanTrunk: absentOr(z.array(z.object({ minID: absentOr(vlanId), maxID: absentOr(vlanId), id: absentOr(vlanId) }))),
  preserveDefaultVlan: absentOr(z.boolean()),
  macspoofchk: absentOr(z.boolean()),
  portIsolation: absentOr(z.boolean()),
  enabledad: absentOr(z.boolean()),
  disableContainerInterface: absentOr(z.boolean()),
  // {} is what the reference's users write for "no IPAM", so `type` may be missing.
  ipam: absentOr(z.object({ ...ipamSchema.def.shape, type: absentOr(z.string()) })),
});

export type MainConfig = z.output<typeof mainPluginSchema>;
export type IpamPluginConfig = z.output<typeof ipamPluginSchema>;
