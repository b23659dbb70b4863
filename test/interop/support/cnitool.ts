/** cnitool as an operator uses it, on the networks in the machine's /etc/cni/net.d with the plugins in its /opt/cni/bin. */

import type { Artifact } from '../../support/artifacts.ts';
import type { CniResult } from '../../support/cni.ts';
import { goProgram } from '../../support/go-programs.ts';
import { type Finished, SYSTEM_PATH } from '../../support/process.ts';
import type { Machine } from './machine.ts';

export interface CnitoolOptions {
  /** CAP_ARGS, as the value it encodes. */
  readonly capabilities?: Readonly<Record<string, unknown>>;
  /** CNI_ARGS. */
  readonly args?: string;
  /** CNI_IFNAME. Default eth0. */
  readonly ifName?: string;
}

export type CnitoolCommand = 'add' | 'check' | 'del' | 'gc' | 'status';

export interface Cnitool {
  /** Attaches /run/netns/`netns` and returns the result. @throws Error with what cnitool said, when it fails. */
  add(network: string, netns: string, options?: CnitoolOptions): CniResult;
  check(network: string, netns: string, options?: CnitoolOptions): void;
  del(network: string, netns: string, options?: CnitoolOptions): void;
  /** cnitool wants a namespace here too, and does nothing with it. */
  gc(network: string, netns: string): void;
  status(network: string, netns: string): void;
  /** Whatever comes of it. */
  attempt(command: CnitoolCommand, network: string, netns: string, options?: CnitoolOptions): Finished;
}

/** The main and the IPAM plugin under our names, for installPlugins. */
export function ourPlugins(artifact: Artifact): Record<string, string> {
  return { trestle: artifact.path, 'trestle-ipam': artifact.path };
}

/** `artifact` tells where a script among the plugins finds its interpreter. */
export function cnitool(machine: Machine, artifact: Artifact): Cnitool {
  const argv = (command: CnitoolCommand, network: string, netns: string) => {
    return [goProgram('cni', 'cnitool'), command, network, `/run/netns/${netns}`];
  };
  const call = (command: CnitoolCommand) => (network: string, netns: string, options?: CnitoolOptions) =>
    machine.run(argv(command, network, netns), { env: environment(artifact, options) });
  return {
    add: (...attachment) => JSON.parse(call('add')(...attachment)) as CniResult,
    check: call('check'),
    del: call('del'),
    gc: call('gc'),
    status: call('status'),
    attempt: (command, network, netns, options) =>
      machine.tryRun(argv(command, network, netns), { env: environment(artifact, options) }),
  };
}

function environment(artifact: Artifact, options: CnitoolOptions = {}): Record<string, string> {
  const { capabilities, args, ifName } = options;
  return {
    PATH: `${artifact.searchPath}:${SYSTEM_PATH}`,
    CNI_PATH: '/opt/cni/bin',
    NETCONFPATH: '/etc/cni/net.d',
    ...(capabilities && { CAP_ARGS: JSON.stringify(capabilities) }),
    ...(args && { CNI_ARGS: args }),
    ...(ifName && { CNI_IFNAME: ifName }),
  };
}
