/** docs/operating.md: the commands in it are run as they stand, and give what it says. */

import { expect, test } from 'bun:test';
import { mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { goProgram, whyNoGoModule } from '../support/go-programs.ts';
import { describeOnKernel, describeUnless } from '../support/privilege.ts';
import { SYSTEM_PATH } from '../support/process.ts';
import { expectOutput, pageText, printedBy, ROOT, type Step, scriptOf, sectionsOf } from './support/document.ts';
import { left } from './support/left.ts';
import { createMachine, installPlugins, type Machine, referencePlugins } from './support/machine.ts';

const sections = sectionsOf(pageText('operating.md'));
/** The section that the others begin with: the plugin is installed, and three containers run. */
const [BEGINNING = ''] = sections.keys();

describeOnKernel('docs/operating.md', () => {
  test('begins with the installation', () => {
    expect(BEGINNING).toBe('A node to try it on');
  });

  for (const [title, steps] of sections) {
    describeUnless(whyNoGoModule('cni'), title, () => {
      test('the commands give what the text says', () => follow(title, steps));
    });
  }
});

/** Runs the steps of the first section, then those of the section, in one shell. */
async function follow(title: string, steps: readonly Step[]): Promise<void> {
  using machine = await createMachine({ outside: true });
  const directory = checkout(machine);
  // The kernel has one log for all machines of the tests.
  machine.run(['mount', '--bind', '/dev/null', '/dev/kmsg']);
  const all = title === BEGINNING ? steps : [...(sections.get(BEGINNING) as Step[]), ...steps];
  const env = {
    PATH: `/opt/cni/bin:${directory}/dist:${dirname(goProgram('cni', 'cnitool'))}:${SYSTEM_PATH}`,
    HOME: '/root',
  };
  const { stdout, stderr } = machine.tryRun(['sh', '-u', '-c', `cd ${directory}\n${scriptOf(all)}`], { env });
  const printed = printedBy(stdout);
  expect(stderr).toBe('');
  expectOutput(printed, all);
  expect(left(machine).links.length).toBeGreaterThan(0);
}

/** What a reader's clone has after the build, with the reference plugins that containerd needs beside ours. */
function checkout(machine: Machine): string {
  const directory = join(machine.node.directory, 'clone');
  mkdirSync(directory);
  for (const name of ['dist', 'conf']) symlinkSync(join(ROOT, name), join(directory, name));
  installPlugins(machine, referencePlugins('loopback', 'portmap'));
  return directory;
}
