/** A network configuration list made from a few flags. */

import type { TypedFlagParameter } from '@stricli/core';
import { type CniVersion, VERSIONS } from '../../cni/versions.ts';
import { type Context, misuse } from '../context.ts';
import { text } from '../flags.ts';
import { checkConfiguration } from './check.ts';

/** Lists of plugins came with 0.3.0 of the specification. */
const LIST_VERSIONS = VERSIONS.filter((version) => version >= '0.3.0');
const DEFAULT_SUBNET = '10.244.0.0/24';
const DEFAULT_NETWORK = 'pods';
const DEFAULT_BRIDGE = 'cni0';
const DEFAULT_VERSION = '1.0.0';

/** What `config new` and `install` ask about a network. Undefined: the default. */
export interface ConflistFlags {
  readonly network?: string;
  readonly subnet?: readonly string[];
  readonly bridge?: string;
  readonly masquerade?: boolean;
  readonly cniVersion?: CniVersion;
  readonly hostPorts?: boolean;
  readonly leaseDir?: string;
}

type Flag<T> = TypedFlagParameter<T, Context>;

export const conflistFlags: { readonly [Key in keyof Required<ConflistFlags>]: Flag<ConflistFlags[Key]> } = {
  network: {
    kind: 'parsed',
    parse: text,
    optional: true,
    placeholder: 'NAME',
    brief: `The name of the network; default: ${DEFAULT_NETWORK}`,
  },
  subnet: {
    kind: 'parsed',
    parse: text,
    optional: true,
    variadic: true,
    placeholder: 'CIDR',
    brief: `Each container gets an address of it; default: ${DEFAULT_SUBNET}`,
  },
  bridge: {
    kind: 'parsed',
    parse: text,
    optional: true,
    placeholder: 'NAME',
    brief: `The bridge; default: ${DEFAULT_BRIDGE}`,
  },
  masquerade: {
    kind: 'boolean',
    optional: true,
    brief: "Containers reach the outside with the node's address; default: yes",
  },
  cniVersion: {
    kind: 'enum',
    values: LIST_VERSIONS,
    optional: true,
    placeholder: 'VERSION',
    brief: `The version of the CNI specification; default: ${DEFAULT_VERSION}`,
  },
  hostPorts: {
    kind: 'boolean',
    optional: true,
    withNegated: false,
    brief: 'Add the plugin portmap, which publishes ports of containers on the node',
  },
  leaseDir: {
    kind: 'parsed',
    parse: text,
    optional: true,
    placeholder: 'DIR',
    brief: 'The data directory for leases, if not the default',
  },
};

/**
 * The text of the list, ended by a line break. Everything that `checkConfiguration` would complain of is refused.
 * @throws Fault of `misuse` that names all of it
 */
export function conflistText(flags: ConflistFlags): string {
  const result = `${formatted(conflistOf(flags))}\n`;
  const { complaints } = checkConfiguration(result, { isList: true });
  if (complaints.length === 0) return result;
  const reasons = complaints.map(({ what }) => what).join('; ');
  throw misuse(`cannot make a configuration of these flags: ${reasons}`, complaints[0]?.advice);
}

/** Whether a flag says anything about the network. */
export function saysAnything(flags: ConflistFlags): boolean {
  return Object.values(flags).some((value) => value !== undefined);
}

/** The flags about the network among all flags of a command. */
export function conflistFlagsIn(all: ConflistFlags): ConflistFlags {
  const entries = Object.keys(conflistFlags).map((key) => [key, all[key as keyof ConflistFlags]]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as ConflistFlags;
}

/** The object of the list. */
function conflistOf({ network, subnet = [DEFAULT_SUBNET], bridge, masquerade, cniVersion, ...more }: ConflistFlags) {
  const { hostPorts, leaseDir } = more;
  const main = {
    type: 'trestle',
    bridge: bridge ?? DEFAULT_BRIDGE,
    isDefaultGateway: true,
    ipMasq: masquerade ?? true,
    hairpinMode: true,
    ipam: {
      type: 'trestle-ipam',
      ranges: subnet.map((one) => [{ subnet: one }]),
      ...(leaseDir !== undefined && { dataDir: leaseDir }),
    },
  };
  const portmap = { type: 'portmap', capabilities: { portMappings: true }, snat: true };
  return {
    cniVersion: cniVersion ?? DEFAULT_VERSION,
    name: network ?? DEFAULT_NETWORK,
    plugins: hostPorts === true ? [main, portmap] : [main],
  };
}

/** Indented JSON, in which the ranges stay on one line. */
function formatted(value: object): string {
  return JSON.stringify(value, undefined, 2).replace(
    /"ranges": \[[^:]*?(?:: "[^"\n]*"[^:]*?)+\](?=,?\n {8}["}]|\n {6}\})/,
    (ranges) =>
      ranges
        .replace(/\s*\n\s*/g, ' ')
        .replace(/\[ /g, '[')
        .replace(/ \]/g, ']'),
  );
}
