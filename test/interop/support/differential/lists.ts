/** Lists of plugins, as a runtime calls them one after another, with iptables of one flavour. */

import type { Config } from '../../../e2e/support/network.ts';
import { type Artifact, executable, reference } from '../../../support/artifacts.ts';
import { type CniResult, cniAsync, succeeded } from '../../../support/cni.ts';
import { goProgram } from '../../../support/go-programs.ts';
import { type Flavour, programsOf } from '../../../support/iptables.ts';
import type { Container, ScratchNode } from '../../../support/node.ts';

export type PluginName = 'bridge' | 'trestle' | 'portmap' | 'firewall' | 'tuning';

export interface List {
  readonly name: string;
  readonly plugins: readonly { readonly plugin: PluginName; readonly config: Config }[];
}

export interface Calls {
  add(container: Container): Promise<void>;
  del(container: Container): Promise<void>;
}

/** The calls for one network's list. Each fails where a plugin does. */
export function callsOf(node: ScratchNode, flavour: Flavour, { name, plugins }: List): Calls {
  const results = new Map<string, CniResult>();
  const call = async (command: 'ADD' | 'DEL', container: Container, { plugin, config }: List['plugins'][number]) => {
    const prevResult = results.get(container.id);
    const whole = { cniVersion: '1.0.0', name, ...config, ...(prevResult && { prevResult }) };
    const artifact = { ...ARTIFACTS[plugin], searchPath: programsOf(flavour) };
    const path = artifact.path.replace(/\/[^/]*$/, '');
    return succeeded(await cniAsync(node, { artifact, command, container, config: whole, path }));
  };
  return {
    async add(container) {
      for (const plugin of plugins) results.set(container.id, await call('ADD', container, plugin));
    },
    async del(container) {
      for (const plugin of plugins.toReversed()) await call('DEL', container, plugin);
      results.delete(container.id);
    },
  };
}

const current = (name: string): Artifact => ({ ...reference(name), path: goProgram('plugins', name) });
const ARTIFACTS: Readonly<Record<PluginName, Artifact>> = {
  bridge: current('bridge'),
  trestle: executable,
  portmap: current('portmap'),
  firewall: current('firewall'),
  tuning: current('tuning'),
};
