/** The request of the IPAM plugin: environment, arguments and configuration as one frozen value. */

import type { Environment } from '../../cni/environment.ts';
import type { Input } from '../../cni/input.ts';
import { type BaseRequest, commonKeys, readBase, readConfig } from '../../cni/request.ts';
import { dataDirOf, type IpamSection, ipamSchema } from '../../ipam/config.ts';
import type { Log } from '../../log.ts';
import { object } from '../../schema/net.ts';
import { readOwnSection } from './section.ts';

export interface IpamRequest extends BaseRequest {
  readonly ipam: IpamSection;
  /** The key `status`, see `strictnessOf`. */
  readonly status: string | undefined;
}

export const ipamPluginSchema = object({ ipam: ipamSchema }, commonKeys);

/** @throws Fault `config`, `version`, `environment` */
export function readIpamRequest(environment: Environment, input: Input, log: Log): IpamRequest {
  const config = readConfig(() => ipamPluginSchema, input, log);
  const ipam = readOwnSection(config.ipam, environment.command, log);
  const { status } = config;
  return Object.freeze({ ...readBase(environment, config, dataDirOf(ipam)), ipam, status });
}
