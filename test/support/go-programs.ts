/** Programs that Debian has not, or has in old versions: built from Go modules into a directory that git ignores. */

import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';

export interface GoModule {
  readonly module: string;
  readonly version: string;
  /** Packages of the module; each gives a program of the same name. */
  readonly packages: readonly string[];
  readonly reason: string;
  /** Where a go.mod stands that requires it, for a module that `go install` does not build by its name and version alone. */
  readonly within?: string;
}

export const GO_MODULES = {
  cni: {
    module: 'github.com/containernetworking/cni',
    version: 'v1.3.1',
    packages: ['cnitool'],
    reason: 'cnitool, the plainest of all runtimes',
  },
  plugins: {
    module: 'github.com/containernetworking/plugins',
    version: 'v1.9.1',
    packages: [
      ...['main/bridge', 'main/ptp', 'main/macvlan', 'ipam/host-local'],
      ...['meta/portmap', 'meta/firewall', 'meta/bandwidth', 'meta/tuning', 'meta/sbr'],
    ].map((path) => `plugins/${path}`),
    reason: 'the reference plugins as they are today, which speak CNI 1.1',
  },
  flannel: {
    module: 'github.com/containernetworking/plugins',
    version: 'v0.9.1',
    packages: ['plugins/meta/flannel'],
    reason: "flannel's plugin, which came with the reference until it moved to a repository of its own",
  },
  containerd: {
    module: 'github.com/containerd/containerd/v2',
    version: 'v2.4.2',
    packages: ['cmd/containerd', 'cmd/containerd-shim-runc-v2', 'cmd/ctr'],
    reason: 'containerd 2, beside the 1.6 of Debian',
  },
  'cri-tools': {
    module: 'sigs.k8s.io/cri-tools',
    version: 'v1.37.0',
    packages: ['cmd/crictl'],
    reason: 'crictl, which people look at nodes with',
  },
  kubernetes: {
    module: 'k8s.io/kubernetes',
    version: 'v1.37.2',
    packages: ['cmd/kubelet'],
    within: join(import.meta.dir, '../kubelet/module'),
    reason: 'kubelet, which takes minutes to build',
  },
} as const satisfies Record<string, GoModule>;

export type GoModuleName = keyof typeof GO_MODULES;

const CACHE = join(import.meta.dir, '../../.cache/go');

/** Where the programs of a module are, or are to be. Another version goes into another directory. */
export function goDirectory({ module, version }: GoModule): string {
  const name = module.replace(/\/v\d+$/, '');
  return join(CACHE, `${basename(name)}@${version}`);
}

/** A program's path. */
export function goProgram(of: GoModuleName, name: string): string {
  return join(goDirectory(GO_MODULES[of]), name);
}

/** Why a module's programs cannot be used, or undefined where they are all there. */
export function whyNoGoModule(of: GoModuleName): string | undefined {
  const wanted = GO_MODULES[of];
  const missing = missingPrograms(wanted);
  return missing.length === 0 ? undefined : `${missing.join(', ')} of ${wanted.module} ${wanted.version} not built`;
}

export function missingPrograms(wanted: GoModule): string[] {
  const names = wanted.packages.map((path) => basename(path));
  return names.filter((name) => !existsSync(join(goDirectory(wanted), name)));
}
