/** The machines that runtimes are tested on: what happens in one stays there, and ends with it. */

import { expect, test } from 'bun:test';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { links } from '../support/kernel.ts';
import { describeOnKernel } from '../support/privilege.ts';
import { createMachine } from './support/machine.ts';

const DIRECTORIES = ['/etc', '/opt', '/run', '/run/netns', '/var/lib'];
/** Of version 1, or of version 2. */
const CGROUP = ['/sys/fs/cgroup/pids', '/sys/fs/cgroup'].find((path) => existsSync(path)) ?? 'none';

const listing = () => DIRECTORIES.map((directory) => readdirSync(directory).filter((name) => !name.startsWith('trt-')));
const mounts = () =>
  readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .filter((mount) => !/netns\/trt-/.test(mount));

describeOnKernel('a machine of its own', () => {
  test('has directories and namespaces that nobody else sees', async () => {
    const before = [listing(), mounts()];
    {
      using machine = await createMachine({ outside: true });
      for (const directory of DIRECTORIES) machine.write(`${directory}/mine/file`, 'text');
      const web = machine.addNetns('web');
      expect(links(web).map(({ ifname }) => ifname)).toEqual(['lo']);
      expect(links(machine.node.ns).map(({ ifname }) => ifname)).toContain('eth0');
      expect(machine.run(['cat', '/opt/mine/file', '/proc/1/comm'])).toBe('textcat\n');
      expect([listing(), mounts()]).toEqual(before);
    }
    expect([listing(), mounts()]).toEqual(before);
  });

  test('takes everything along when it is deleted', async () => {
    const machine = await createMachine();
    const cgroup = join(CGROUP, machine.cgroup);
    mkdirSync(join(cgroup, 'inner'), { recursive: true });
    const script = 'sleep 1000 & echo $$ >"$1/inner/cgroup.procs"; exec sleep 1000';
    const child = Bun.spawn(machine.entering(['sh', '-c', script, 'sh', cgroup]));
    while (readFileSync(join(cgroup, 'inner/cgroup.procs'), 'utf8') === '') await Bun.sleep(10);
    machine.delete();
    machine.delete();
    expect(await child.exited).not.toBe(0);
    expect([cgroup, machine.node.directory, machine.node.ns.path].filter(existsSync)).toEqual([]);
  });

  test('takes everything along when the test is killed', async () => {
    const script = `import { createMachine } from '${import.meta.dir}/support/machine.ts';
      import { mkdirSync } from 'node:fs';
      const machine = await createMachine();
      Bun.spawn(machine.entering(['sleep', '1234321']));
      mkdirSync('${CGROUP}' + machine.cgroup + '/inner', { recursive: true });
      console.log(JSON.stringify([machine.node.ns.path, machine.node.directory, '${CGROUP}' + machine.cgroup]));
      process.kill(process.pid, 'SIGKILL');`;
    const child = Bun.spawnSync([process.execPath, '-e', script]);
    const left = JSON.parse(child.stdout.toString()) as string[];
    for (let tries = 0; left.some(existsSync) && tries < 100; tries++) await Bun.sleep(50);
    expect(left.filter(existsSync)).toEqual([]);
    expect(runningSleeps()).toEqual([]);
  });
});

function runningSleeps(): string[] {
  const commands = readdirSync('/proc').map((pid) => readIfThere(`/proc/${pid}/cmdline`));
  return commands.filter((command) => command === 'sleep\x001234321\x00');
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
