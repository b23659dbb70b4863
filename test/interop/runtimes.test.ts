/** docs/runtimes.md: the commands in it are run as they stand, and give what it says. */

import { expect, test } from 'bun:test';
import { mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { executable } from '../support/artifacts.ts';
import { GO_MODULES, goProgram, whyNoGoModule } from '../support/go-programs.ts';
import { describeOnKernel, describeUnless } from '../support/privilege.ts';
import { SYSTEM_PATH, whyNoProgram } from '../support/process.ts';
import { DEBIAN, startContainerd } from './support/containerd.ts';
import { expectOutput, pageText, printedBy, ROOT, type Step, scriptOf, sectionsOf } from './support/document.ts';
import { imageArchive } from './support/image.ts';
import { left } from './support/left.ts';
import { createMachine, type Machine } from './support/machine.ts';

const TEXT = pageText('runtimes.md');
const sections = sectionsOf(TEXT);

/** What is there before the first command of a section, and a reader has from elsewhere. */
const PREPARED: Record<string, (machine: Machine) => Promise<void> | void> = {
  cnitool: () => {},
  containerd: async (machine) => {
    (await startContainerd(machine, DEBIAN, executable, { namespaces: [] })).cri.close();
    wrap(machine, 'ctr', `case $1 in run) shift; set -- run --cgroup=${machine.cgroup}/doc "$@" ;; esac`);
  },
  podman: (machine) => {
    machine.mountTmpfs('/var/lib/containers');
    wrap(machine, 'podman', `case $1 in run) shift; set -- run --cgroup-parent=${machine.cgroup} "$@" ;; esac`);
  },
  flannel: (machine) => {
    mkdirSync(machine.path('/opt/cni/bin'), { recursive: true });
    symlinkSync(goProgram('flannel', 'flannel'), machine.path('/opt/cni/bin/flannel'));
  },
  'Changing over, and back': () => {},
};

const NEEDS: Record<string, string | undefined> = {
  cnitool: whyNoGoModule('cni'),
  containerd: DEBIAN.obstacle,
  podman: whyNoProgram('podman'),
  flannel: whyNoGoModule('flannel') ?? whyNoGoModule('cni'),
  'Changing over, and back': whyNoGoModule('cni'),
};

/** Leases that are there afterwards, as the text says. */
const LEAVES: Record<string, string[]> = { containerd: ['pods/10.244.0.2', 'pods/fd00:10:244::2'] };

describeOnKernel('docs/runtimes.md', () => {
  test('the sections with commands are those that are tested', () => {
    expect([...sections.keys()]).toEqual(Object.keys(PREPARED));
  });

  test('the versions are those that are built', () => {
    const versions = Object.values(GO_MODULES).map(({ version }) => version.slice(1));
    expect(versions.filter((version) => !TEXT.includes(version))).toEqual([]);
    for (const [, module, version] of TEXT.matchAll(/go install (\S+)@(\S+)/g)) {
      const built = Object.values(GO_MODULES).find((candidate) => module?.startsWith(candidate.module));
      expect([module, built?.version]).toEqual([module, version]);
    }
  });

  for (const [title, steps] of sections) {
    describeUnless(NEEDS[title], title, () => {
      test('the commands give what the text says, and leave what it says', () => follow(title, steps));
    });
  }
});

async function follow(title: string, steps: readonly Step[]): Promise<void> {
  using machine = await createMachine();
  const directory = checkout(machine);
  await PREPARED[title]?.(machine);
  const before = left(machine);
  const env = { PATH: `/run/wrapped:${dirname(goProgram('cni', 'cnitool'))}:${SYSTEM_PATH}`, HOME: '/root' };
  const printed = machine.run(['sh', '-eu', '-c', `cd ${directory}\n${scriptOf(steps)}`], { env });
  expectOutput(printedBy(printed), steps);
  // An interface goes a moment after the namespace of a container that was killed.
  for (let tries = 0; left(machine).links.length > before.links.length && tries < 100; tries++) await Bun.sleep(50);
  const { files, links } = left(machine);
  const leases = Object.keys(files).filter((path) => !path.startsWith('.trestle/'));
  expect({ leases, links }).toEqual({ leases: LEAVES[title] ?? [], links: before.links });
}

/** What a reader's clone has after the build, and the image. */
function checkout(machine: Machine): string {
  const directory = join(machine.node.directory, 'clone');
  mkdirSync(directory);
  for (const name of ['dist', 'conf']) symlinkSync(join(ROOT, name), join(directory, name));
  symlinkSync(imageArchive(machine), join(directory, 'web.tar'));
  return directory;
}

/** A program whose containers are put where they go with the machine. */
function wrap(machine: Machine, program: string, change: string): void {
  machine.write(`/run/wrapped/${program}`, `#!/bin/sh\n${change}\nexec /usr/bin/${program} "$@"\n`, 0o755);
}
