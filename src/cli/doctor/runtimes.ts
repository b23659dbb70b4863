/** The container runtimes of the node, by the sockets at which they answer. */

import { usualDirectories } from '../../resources/iptables/iptables.ts';
import { statPath } from '../../sys/directory.ts';
import { findProgram, runProgram } from '../../sys/process.ts';
import type { Runtime } from './examination.ts';

/** The sockets of runtimes that start Kubernetes' pods, and the file that every kubelet has; `program` tells the version. */
const KNOWN: readonly { readonly name: string; readonly file: string; readonly program: string }[] = [
  { name: 'containerd', file: '/run/containerd/containerd.sock', program: 'containerd' },
  { name: 'CRI-O', file: '/run/crio/crio.sock', program: 'crio' },
  { name: 'kubelet', file: '/var/lib/kubelet/config.yaml', program: 'kubelet' },
];

const DEADLINE_MS = 5_000;

/** The runtimes that are there. `searchPath` is PATH, in which their programs are. */
export function findRuntimes(searchPath: string): Runtime[] {
  const directories = [...searchPath.split(':'), ...usualDirectories(), '/usr/local/bin'].filter((one) => one !== '');
  return KNOWN.filter(({ file }) => statPath(file) !== undefined).map(({ name, file, program }) => ({
    name,
    evidence: `${file} is there`,
    version: () => versionOf(program, directories),
  }));
}

/** Whether the runtime starts pods, and so takes one configuration for all of them. */
export function isPodRuntime({ name }: Runtime): boolean {
  return name === 'containerd' || name === 'CRI-O';
}

function versionOf(program: string, directories: readonly string[]): string | undefined {
  const file = findProgram(program, directories);
  if (file === undefined) return undefined;
  const ran = runProgram({ file, args: ['--version'], env: {}, input: '', deadlineMs: DEADLINE_MS });
  return ran.succeeded ? /\bv?(\d+\.\d+\.\d+)/.exec(ran.stdout)?.[1] : undefined;
}
