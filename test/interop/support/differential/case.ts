/** A configuration that both plugins are given, and on which node. */

import type { Config } from '../../../e2e/support/network.ts';
import type { CniCall } from '../../../support/cni.ts';

export interface Case {
  readonly name: string;
  /** Beside name, type and cniVersion 1.1.0. An `ipam` with a type gets the node's data directory. */
  readonly config: Config;
  readonly call?: Partial<Pick<CniCall, 'args' | 'env' | 'ifName' | 'stdin'>>;
  /** What a runtime says beside the configuration, for each container that is attached. Default: one, and nothing. */
  readonly containers?: readonly Config[];
  /** `ip` commands in the node's namespace beforehand, and in each container's. */
  readonly node?: string;
  readonly inside?: string;
  /** Files beforehand, by their paths below the node's directory. */
  readonly files?: Readonly<Record<string, string>>;
  /** Sysctls of each container beforehand. */
  readonly sysctls?: Readonly<Record<string, string>>;
  /** With an outside that knows a way to the containers, and the MTU of the link to it. */
  readonly outside?: { readonly uplinkMtu?: number };
  /** What is tried out between ADD and DEL. */
  readonly probes?: readonly Probe[];
}

/**
 * `masquerading`: whom the outside sees. `neighbour`: whether the containers hear each other. `spoof`: whether the bridge
 * answers a container that has changed its MAC.
 */
export type Probe = 'masquerading' | 'neighbour' | 'spoof';

/** Stands for the node's directory in a configuration. */
const DIRECTORY = '<directory>';

/** The configuration as it stands on stdin. */
export function configOf({ config }: Pick<Case, 'config'>, directory: string, extra: Config = {}): Config {
  const whole: Config = { cniVersion: '1.1.0', name: 'pods', type: 'bridge', ...config, ...extra };
  if (hasIpam(whole)) whole.ipam = { dataDir: `${DIRECTORY}/networks`, ...whole.ipam };
  return JSON.parse(JSON.stringify(whole).replaceAll(DIRECTORY, directory)) as Config;
}

/** Otherwise nobody can say where the data directory is. */
export function hasIpam(config: Config): config is Config & { ipam: Config } {
  const { ipam } = config as { ipam?: Config | null };
  return typeof ipam?.type === 'string' && ipam.type !== '';
}
