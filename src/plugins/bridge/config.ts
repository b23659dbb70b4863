/** The network configuration: the JSON on stdin, for both roles (CNI spec 1.1, section 1; keys of the reference bridge). */

import * as z from 'zod/mini';
import { logSchema } from '../../cni/log-config.ts';
import { ipamSchema, ipRangesSchema, optionalIpamSchema } from '../../ipam/config.ts';
import type { Parsed } from '../../schema/explain.ts';
import { isObject } from '../../schema/json.ts';
import { dns, ips, list, mac, mtu, object, options, unsigned } from '../../schema/net.ts';

const text = z.string();
const flag = z.boolean();
/** Written by the runtime, in thousands for GC. */
const attachments = z.pipe(
  list(object({ containerID: text, ifname: text })),
  z.transform((all) => all.map(({ containerID, ifname }) => ({ containerId: containerID, ifName: ifname }))),
);

/** What both roles know. `capabilities` is for the runtime; `prevResult` is read later, and only by those who need it. */
const commonKeys = {
  cniVersion: text,
  name: text,
  type: text,
  dns,
  log: logSchema,
  status: text,
  args: options({ cni: options({ ips, mac }) }),
  runtimeConfig: options({ ips, mac, ipRanges: ipRangesSchema }),
  capabilities: z.unknown(),
  prevResult: z.unknown(),
  'cni.dev/valid-attachments': attachments,
  'cni.dev/attachments': attachments,
};

export const ipamPluginSchema = object({ ipam: ipamSchema }, commonKeys);
export type IpamPluginConfig = Parsed<typeof ipamPluginSchema>;

const vlanId = unsigned(4094);

const mainKeys = {
  ...commonKeys,
  bridge: text,
  isGateway: flag,
  isDefaultGateway: flag,
  forceAddress: flag,
  ipMasq: flag,
  ipMasqBackend: text,
  forward: text,
  mtu,
  hairpinMode: flag,
  promiscMode: flag,
  vlan: vlanId,
  vlanTrunk: list(options({ minID: vlanId, maxID: vlanId, id: vlanId })),
  preserveDefaultVlan: flag,
  macspoofchk: flag,
  portIsolation: flag,
  enabledad: flag,
  disableContainerInterface: flag,
};

const withOwnIpam = options({ ...mainKeys, ipam: optionalIpamSchema });
export type MainConfig = Parsed<typeof withOwnIpam>;

/** What the section of another IPAM plugin holds is that plugin's business. */
const withForeignIpam = options({ ...mainKeys, ipam: options({ type: text, dataDir: text }) });

/** The schema of a main plugin's configuration: who does the IPAM decides what its section may hold. */
export function mainPluginSchema(config: unknown): z.ZodMiniType<MainConfig> {
  const type = isObject(config) && isObject(config.ipam) ? (config.ipam.type ?? '') : '';
  return typeof type !== 'string' || isOwnIpam(type) ? withOwnIpam : withForeignIpam;
}

/** IPAM that is done in this process, whatever of its two names it is called by. */
const OWN_IPAM = ['', 'trestle-ipam', 'host-local'];

/** Whether this process does the IPAM. */
export function isOwnIpam(type: string): boolean {
  return OWN_IPAM.includes(type);
}
