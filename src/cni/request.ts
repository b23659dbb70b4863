/**
 * What every plugin reads of a call: the keys of a network configuration that are not about one plugin's work (CNI spec 1.1,
 * sections 1 and 2), joined with the environment to one request.
 */

import * as z from 'zod/mini';
import type { Ip } from '../address/ip.ts';
import { Fault } from '../fault.ts';
import type { Attachment, Pod } from '../ipam/attachment.ts';
import { ipRangesSchema, type RangeSection } from '../ipam/config.ts';
import type { Log } from '../log.ts';
import { type Parsed, parseWith } from '../schema/explain.ts';
import { type Dns, dns, ips, list, mac, object, options } from '../schema/net.ts';
import { type CniArgs, type Environment, parseArgs, verifyIdentifier } from './environment.ts';
import { logSchema } from './journal.ts';
import { tidyKeys } from './keys.ts';
import type { Input } from './stdio.ts';
import { type CniVersion, parseVersion, verifyCommandVersion } from './versions.ts';

const text = z.string();

/** The attachments that the runtime names for GC, which may be thousands. */
const attachments = z.pipe(
  list(object({ containerID: text, ifname: text })),
  z.transform((all) => all.map(({ containerID, ifname }) => ({ containerId: containerID, ifName: ifname }))),
);

/** The capabilities that all plugins understand. A plugin that has further ones replaces the key `runtimeConfig`. */
const capabilityKeys = { ips, mac, ipRanges: ipRangesSchema };

/** The keys of every plugin. `capabilities` is for the runtime; `prevResult` is decoded later, by the commands that need it. */
export const commonKeys = {
  cniVersion: text,
  name: text,
  type: text,
  dns,
  log: logSchema,
  status: text,
  args: options({ cni: options({ ips, mac }) }),
  runtimeConfig: options(capabilityKeys),
  capabilities: z.unknown(),
  prevResult: z.unknown(),
  'cni.dev/valid-attachments': attachments,
  'cni.dev/attachments': attachments,
};

const commonSchema = options(commonKeys);
type CommonConfig = Parsed<typeof commonSchema>;

export interface BaseRequest extends Attachment {
  readonly command: Environment['command'];
  readonly cniVersion: CniVersion;
  /** Path of the container's netns; empty where the runtime does not know it any more. */
  readonly netns: string;
  /** CNI_NETNS_OVERRIDE: `netns` may be the one that the plugin runs in. */
  readonly allowOwnNetns: boolean;
  readonly pod: Pod | undefined;
  readonly dataDir: string;
  /** From CNI_ARGS, `args.cni.ips` and the capability `ips`; the same address may come twice. */
  readonly requestedIps: readonly Ip[];
  readonly ipRanges: readonly (readonly RangeSection[])[] | undefined;
  readonly dns: Dns | undefined;
  /** A result in the JSON of some version, not decoded yet. */
  readonly prevResult: unknown;
  /** The attachments that the runtime knows; undefined where it does not say. */
  readonly validAttachments: readonly Omit<Attachment, 'network'>[] | undefined;
}

/**
 * The configuration on stdin. Keys that differ from the schema's in case only are accepted with a warning. The schema may
 * depend on what the configuration holds. @throws Fault `config` that names all keys that are wrong
 */
export function readConfig<T>(schemaOf: (json: unknown) => z.ZodMiniType<T>, { json }: Input, log: Log): T {
  verifyNoList(json);
  const tidied = tidyKeys(schemaOf(json), json, log);
  return parseWith(schemaOf(tidied), tidied, 'the configuration', 'config');
}

/** @throws Fault `version`, `config`, `environment` */
export function readBase(environment: Environment, config: CommonConfig, dataDir: string): BaseRequest {
  const { command, containerId, ifName, netns, allowOwnNetns } = environment;
  const cniVersion = parseVersion(config.cniVersion);
  verifyCommandVersion(command, cniVersion);
  if (config.name === undefined) throw new Fault('config', 'cannot use the configuration: name is missing');
  verifyIdentifier('the configuration\'s "name"', config.name, 'config');
  const args = argsOf(environment);
  const argsIps = args.ip === undefined ? [] : [args.ip];
  return {
    ...{ command, containerId, ifName, netns, allowOwnNetns, network: config.name, cniVersion, dataDir },
    pod: args.pod,
    requestedIps: [...(config.runtimeConfig?.ips ?? []), ...(config.args?.cni?.ips ?? []), ...argsIps],
    ipRanges: config.runtimeConfig?.ipRanges,
    dns: config.dns,
    prevResult: config.prevResult,
    validAttachments: config['cni.dev/valid-attachments'] ?? config['cni.dev/attachments'],
  };
}

/**
 * The MAC address that the runtime asks for: the capability before `args.cni.mac` before CNI_ARGS. @throws Fault
 * `environment`
 */
export function requestedMac(environment: Environment, { runtimeConfig, args }: CommonConfig): Uint8Array | undefined {
  return runtimeConfig?.mac ?? args?.cni?.mac ?? argsOf(environment).mac;
}

/** Files in /etc/cni/net.d hold whole lists; a plugin gets one entry of `plugins` at a time (CNI spec 1.1, section 3). */
function verifyNoList({ plugins, type }: Record<string, unknown>): void {
  if (!Array.isArray(plugins) || type !== undefined) return;
  throw new Fault('config', 'cannot use the configuration: it is a network configuration list, for it has "plugins"', {
    details:
      'Hand over one entry of "plugins", with "name" and "cniVersion" of the list in it; cnitool does that for a whole list.',
  });
}

/** Only ADD and CHECK read CNI_ARGS: a malformed one must not make DEL fail. */
function argsOf({ command, args }: Environment): CniArgs {
  return parseArgs(command === 'ADD' || command === 'CHECK' ? args : '');
}
