/** containerd on a machine, where it uses its own default paths. */

import { join } from 'node:path';
import type { Artifact } from '../../support/artifacts.ts';
import { GO_MODULES, goDirectory, whyNoGoModule } from '../../support/go-programs.ts';
import { SYSTEM_PATH, whyNoProgram } from '../../support/process.ts';
import { type Cri, connectCri } from './cri.ts';
import { IMAGE, imageArchive } from './image.ts';
import type { Machine } from './machine.ts';

export interface ContainerdRelease {
  readonly name: string;
  /** Where containerd, its shim and ctr are. */
  readonly directory: string;
  /** The whole /etc/containerd/config.toml. */
  readonly config: string;
  /** Whether it asks a network of CNI 1.1 for its STATUS. */
  readonly asksStatus: boolean;
  /** Why it cannot be used here, if it cannot. */
  readonly obstacle: string | undefined;
}

export interface Containerd {
  readonly machine: Machine;
  readonly cri: Cri;
  /** Runs ctr and returns its stdout. */
  ctr(...args: string[]): string;
  stop(): Promise<void>;
  start(): Promise<void>;
}

export const DEBIAN: ContainerdRelease = {
  name: 'containerd of Debian',
  directory: '/usr/bin',
  config: `version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${IMAGE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
`,
  asksStatus: false,
  obstacle: whyNoProgram('containerd'),
};

export const CURRENT: ContainerdRelease = {
  name: `containerd ${GO_MODULES.containerd.version}`,
  directory: goDirectory(GO_MODULES.containerd),
  config: `version = 3
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "${IMAGE}"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  disable_apparmor = true
`,
  asksStatus: true,
  obstacle: whyNoGoModule('containerd') ?? whyNoProgram('runc'),
};

const SOCKET = '/run/containerd/containerd.sock';

export interface ContainerdOptions {
  /** Namespaces of containerd that get the image. Default: those of kubelet and of ctr. */
  readonly namespaces?: readonly string[];
  /** What the image's containers run. Default: its web server. */
  readonly command?: readonly string[];
}

/** Starts containerd, and gives it the image. */
export async function startContainerd(
  machine: Machine,
  release: ContainerdRelease,
  artifact: Artifact,
  { namespaces = ['k8s.io', 'default'], command }: ContainerdOptions = {},
): Promise<Containerd> {
  const environment = { PATH: `${release.directory}:${artifact.searchPath}:${SYSTEM_PATH}` };
  machine.write('/etc/containerd/config.toml', release.config);
  machine.mountTmpfs('/var/lib/containerd');
  const ctr = (...args: string[]) => machine.run([join(release.directory, 'ctr'), ...args], { env: environment });
  const cri = connectCri(machine.path(SOCKET), machine.cgroup);
  const containerd: Containerd = {
    machine,
    cri,
    ctr,
    stop: () => stop(machine),
    start: async () => {
      await start(machine, release, environment);
      await reconnected(cri);
    },
  };
  await containerd.start();
  for (const namespace of namespaces) ctr('-n', namespace, 'images', 'import', imageArchive(machine, command));
  return containerd;
}

/** Its log is in the machine's /run, for a look while a test stands still. */
async function start(machine: Machine, release: ContainerdRelease, env: Record<string, string>): Promise<void> {
  const script = 'echo $$ >/run/containerd.pid; exec "$1" >>/run/containerd.log 2>&1';
  const argv = machine.entering(['sh', '-c', script, 'sh', join(release.directory, 'containerd')]);
  Bun.spawn(argv, { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore', env });
  const answers = () => machine.tryRun([join(release.directory, 'ctr'), 'version'], { env }).status === 0;
  for (let tries = 0; !answers(); tries++) {
    if (tries === 200) throw new Error(`containerd does not start:\n${machine.run(['tail', '/run/containerd.log'])}`);
    await Bun.sleep(50);
  }
}

/** A call that meets the connection to the containerd before is refused as UNAVAILABLE; kubelet asks again, too. */
async function reconnected(cri: Cri): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await cri.conditions();
      return;
    } catch (error) {
      if (tries === 20) throw error;
      await Bun.sleep(50);
    }
  }
}

/** Containers go on without it. */
async function stop(machine: Machine): Promise<void> {
  machine.run(['sh', '-c', 'kill $(cat /run/containerd.pid)']);
  const runs = () => machine.tryRun(['sh', '-c', 'kill -0 $(cat /run/containerd.pid)']).status === 0;
  for (let tries = 0; runs(); tries++) {
    if (tries === 200) throw new Error('containerd does not stop');
    await Bun.sleep(50);
  }
}
