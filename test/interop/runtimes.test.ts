/** docs/runtimes.md: the commands in it are run as they stand, and give what it says. */

import { expect, test } from 'bun:test';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { executable } from '../support/artifacts.ts';
import { GO_MODULES, goProgram, whyNoGoModule } from '../support/go-programs.ts';
import { describeOnKernel, describeUnless } from '../support/privilege.ts';
import { SYSTEM_PATH, whyNoProgram } from '../support/process.ts';
import { DEBIAN, startContainerd } from './support/containerd.ts';
import { imageArchive } from './support/image.ts';
import { left } from './support/left.ts';
import { createMachine, type Machine } from './support/machine.ts';

const ROOT = join(import.meta.dir, '../..');
const TEXT = readFileSync(join(ROOT, 'docs/runtimes.md'), 'utf8');
const sections = parseSections(TEXT);

/** A box of commands, and what the box of text behind it says that they print. */
interface Step {
  readonly commands: string;
  readonly output: string;
}

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
  // One shell for all of a section, as a reader has it. Each step's output ends in a line of its own.
  const script = steps.map(({ commands }) => `${commands}echo ${END}\n`).join('');
  const env = { PATH: `/run/wrapped:${dirname(goProgram('cni', 'cnitool'))}:${SYSTEM_PATH}`, HOME: '/root' };
  const printed = machine.run(['sh', '-eu', '-c', `cd ${directory}\n${script}`], { env });
  expect(printed.split(`${END}\n`).slice(0, -1)).toEqual(steps.map(({ output }) => output));
  // An interface goes a moment after the namespace of a container that was killed.
  for (let tries = 0; left(machine).links.length > before.links.length && tries < 100; tries++) await Bun.sleep(50);
  const { files, links } = left(machine);
  const leases = Object.keys(files).filter((path) => !path.startsWith('.trestle/'));
  expect({ leases, links }).toEqual({ leases: LEAVES[title] ?? [], links: before.links });
}

const END = '--- end of step';

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

/** By title, those that have commands. */
function parseSections(markdown: string): Map<string, Step[]> {
  const parts = markdown.split(/^## /m).slice(1);
  const all = parts.map((part) => [part.slice(0, part.indexOf('\n')), parseSteps(part)] as const);
  return new Map(all.filter(([, steps]) => steps.length > 0));
}

function parseSteps(section: string): Step[] {
  const boxes = [...section.matchAll(/^```(sh|text)\n(.*?)^```$/gms)];
  return boxes.flatMap(([, kind, commands = ''], at) => {
    const next = boxes[at + 1];
    return kind === 'sh' ? [{ commands, output: next?.[1] === 'text' ? (next[2] ?? '') : '' }] : [];
  });
}
