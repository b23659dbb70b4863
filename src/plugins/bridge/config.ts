/** The network configuration of the main plugin: the JSON on stdin, with the keys of the reference bridge and ours. */

import * as z from 'zod/mini';
import { commonKeys } from '../../cni/request.ts';
import { optionalIpamSchema } from '../../ipam/config.ts';
import type { Parsed } from '../../schema/explain.ts';
import { list, mtu, options, unsigned } from '../../schema/net.ts';
import { foreignIpamSchema, isDelegated } from '../ipam/section.ts';

const text = z.string();
const flag = z.boolean();
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

const withForeignIpam = options({ ...mainKeys, ipam: foreignIpamSchema });

/** The schema of a main plugin's configuration: which plugin does the IPAM decides what its section may hold. */
export function mainPluginSchema(config: unknown): z.ZodMiniType<MainConfig> {
  return isDelegated(config) ? withForeignIpam : withOwnIpam;
}
