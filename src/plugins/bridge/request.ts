/** The request of the main plugin: environment, arguments and configuration as one frozen value. */

import type { Delegation } from '../../cni/delegate.ts';
import type { Environment } from '../../cni/environment.ts';
import type { Input } from '../../cni/input.ts';
import { type BaseRequest, readBase, readConfig, requestedMac } from '../../cni/request.ts';
import { type Result, readPreviousResult } from '../../cni/result.ts';
import { dataDirOf, type IpamSection } from '../../ipam/config.ts';
import type { Log } from '../../log.ts';
import { readAddressSource } from '../ipam/section.ts';
import { type MainConfig, mainPluginSchema } from './config.ts';

export interface MainRequest extends BaseRequest {
  readonly config: MainConfig;
  /** Undefined where this process gives no addresses: layer 2 only, or another plugin gives them. */
  readonly ipam: IpamSection | undefined;
  /** The plugin that gives the addresses, where this process does not. */
  readonly delegation: Delegation | undefined;
  readonly mac: Uint8Array | undefined;
  /** ADD: the result of the plugin before ours in the list, which ours is added to; undefined where ours is the first. */
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
