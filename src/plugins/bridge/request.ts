/** The request: environment, arguments and configuration as one frozen value that nothing needs to look behind. */

import type { Ip } from '../../address/ip.ts';
import { type CniArgs, parseArgs } from '../../cni/args.ts';
import type { Delegation } from '../../cni/delegate.ts';
import { type Environment, verifyIdentifier } from '../../cni/environment.ts';
import type { Input } from '../../cni/input.ts';
import { tidyKeys } from '../../cni/keys.ts';
import { type CniVersion, parseVersion, verifyCommandVersion } from '../../cni/versions.ts';
import { Fault } from '../../fault.ts';
import type { Attachment, Pod } from '../../ipam/attachment.ts';
import { dataDirOf, type IpamSection, type RangeSection } from '../../ipam/config.ts';
import type { Log } from '../../log.ts';
import { parseWith } from '../../schema/explain.ts';
import type { Dns } from '../../schema/net.ts';
import { type IpamPluginConfig, ipamPluginSchema, isOwnIpam, type MainConfig, mainPluginSchema } from './config.ts';

/** What both roles ask with. */
export interface BaseRequest extends Attachment {
  readonly command: Environment['command'];
  readonly cniVersion: CniVersion;
  /** Path of the container's netns; empty where the runtime does not know it any more. */
  readonly netns: string;
  readonly pod: Pod | undefined;
  readonly dataDir: string;
  /** Every address that somebody asked for. */
  readonly requestedIps: readonly Ip[];
  readonly ipRanges: readonly (readonly RangeSection[])[] | undefined;
  readonly dns: Dns | undefined;
  /** A result in the JSON of some version, not read yet. */
  readonly prevResult: unknown;
  /** The attachments that the runtime knows; undefined where it does not say. */
  readonly validAttachments: readonly Omit<Attachment, 'network'>[] | undefined;
}

export interface IpamRequest extends BaseRequest {
  readonly ipam: IpamSection;
  /** The key `status`, see `strictnessOf`. */
  readonly status: string | undefined;
}

export interface MainRequest extends BaseRequest {
  readonly config: MainConfig;
  /** Undefined: layer 2 only, or somebody else's. */
  readonly ipam: IpamSection | undefined;
  /** The plugin that does the IPAM, where it is not done here. */
  readonly delegation: Delegation | undefined;
  readonly mac: Uint8Array | undefined;
  /** PATH, for the programs of iptables. */
  readonly searchPath: string;
}

/** @throws Fault `config`, `version`, `environment`, `unsupported` */
export function readMainRequest(environment: Environment, input: Input, log: Log): MainRequest {
  const json = tidyKeys(mainPluginSchema(input.json), input.json, log);
  const config = parseWith(mainPluginSchema(json), json, 'the configuration', 'config');
  const base = readBase(environment, config, config.ipam ?? {});
  const mac = config.runtimeConfig?.mac ?? config.args?.cni?.mac ?? argsOf(environment).mac;
  const { path, variables } = environment;
  const searchPath = variables.PATH ?? '';
  const type = config.ipam?.type ?? '';
  if (isOwnIpam(type))
    return Object.freeze({ ...base, config, ipam: ipamSection(config), delegation: undefined, mac, searchPath });
  const delegation = { type, path, variables, input: input.text };
  return Object.freeze({ ...base, config, ipam: undefined, delegation, mac, searchPath });
}

/** @throws Fault `config`, `version`, `environment` */
export function readIpamRequest(environment: Environment, input: Input, log: Log): IpamRequest {
  const json = tidyKeys(ipamPluginSchema, input.json, log);
  const config = parseWith(ipamPluginSchema, json, 'the configuration', 'config');
  const { ipam, status } = config;
  return Object.freeze({ ...readBase(environment, config, ipam), ipam, status });
}

function readBase(
  environment: Environment,
  config: MainConfig | IpamPluginConfig,
  ipam: { dataDir?: string | undefined },
): BaseRequest {
  const { command, containerId, ifName, netns } = environment;
  const cniVersion = parseVersion(config.cniVersion);
  verifyCommandVersion(command, cniVersion);
  if (config.name === undefined) throw new Fault('config', 'cannot use the configuration: name is missing');
  verifyIdentifier('the configuration\'s "name"', config.name, 'config');
  const args = argsOf(environment);
  const asked = args.ip === undefined ? [] : [args.ip];
  return {
    ...{ command, containerId, ifName, netns, network: config.name, cniVersion, pod: args.pod },
    dataDir: dataDirOf(ipam),
    requestedIps: [...(config.runtimeConfig?.ips ?? []), ...(config.args?.cni?.ips ?? []), ...asked],
    ipRanges: config.runtimeConfig?.ipRanges,
    dns: config.dns,
    prevResult: config.prevResult,
    validAttachments: config['cni.dev/valid-attachments'] ?? config['cni.dev/attachments'],
  };
}

/** Only what makes or checks an attachment looks at CNI_ARGS: a DEL must not stumble over them. */
function argsOf({ command, args }: Environment): CniArgs {
  return parseArgs(command === 'ADD' || command === 'CHECK' ? args : '');
}

/** `ipam` absent or without a type means layer 2 only. */
function ipamSection({ ipam }: MainConfig): IpamSection | undefined {
  const type = ipam?.type;
  return type === undefined || type === '' ? undefined : { ...ipam, type };
}
