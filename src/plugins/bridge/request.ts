/** The request of the main plugin: environment, arguments and configuration as one frozen value. */

import * as z from 'zod/mini';
import type { Delegation } from '../../cni/delegate.ts';
import type { Environment } from '../../cni/environment.ts';
import { type BaseRequest, commonKeys, readBase, readConfig, requestedMac } from '../../cni/request.ts';
import { type Result, readPreviousResult } from '../../cni/result.ts';
import type { Input } from '../../cni/stdio.ts';
import { dataDirOf, type IpamSection, optionalIpamSchema } from '../../ipam/config.ts';
import type { Log } from '../../log.ts';
import type { Parsed } from '../../schema/explain.ts';
import { list, mtu, options, unsigned } from '../../schema/net.ts';
import { foreignIpamSchema, isDelegated, readAddressSource } from '../ipam/section.ts';

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

export interface MainRequest extends BaseRequest {
  readonly config: MainConfig;
  /** Undefined where this process gives no addresses: layer 2 only, or another plugin gives them. */
  readonly ipam: IpamSection | undefined;
  /** The plugin that gives the addresses, where this process does not. */
  readonly delegation: Delegation | undefined;
  readonly mac: Uint8Array | undefined;
  /** For ADD: the result of the previous plugin of the list, to which ours is appended; undefined where ours is the first. */
  readonly previous: Result | undefined;
  /** PATH, for the programs of iptables. */
  readonly searchPath: string;
}

/** @throws Fault `config`, `version`, `environment`, `decode` (prevResult) */
export function readMainRequest(environment: Environment, input: Input, log: Log): MainRequest {
  const config = readConfig(mainPluginSchema, input, log);
  const base = readBase(environment, config, dataDirOf(config.ipam ?? {}));
  return Object.freeze({
    ...base,
    ...readAddressSource(config.ipam, environment, input.text, log),
    config,
    mac: requestedMac(environment, config),
    previous: base.command === 'ADD' ? readPreviousResult(base.prevResult, base.cniVersion) : undefined,
    searchPath: environment.variables.PATH ?? '',
  });
}

/** The schema of a main plugin's configuration: which plugin does the IPAM decides what its section may hold. */
export function mainPluginSchema(config: unknown): z.ZodMiniType<MainConfig> {
  return isDelegated(config) ? withForeignIpam : withOwnIpam;
}
