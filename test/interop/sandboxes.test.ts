/** The half of the bench's scenario `pods` that runs pods, on a small plan. */

import { afterAll, expect, test } from 'bun:test';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { executable } from '../support/artifacts.ts';
import { patient } from '../support/patience.ts';
import { describeUnless } from '../support/privilege.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { ourPlugins } from './support/cnitool.ts';
import { DEBIAN } from './support/containerd.ts';
import { referencePlugins } from './support/machine.ts';

const PROGRAM = join(import.meta.dir, '../../bench/sandboxes.ts');
const NOTHING = join(import.meta.dir, '../../bench/nothing.sh');
/** Less than any container runtime needs to start or end a process in namespaces of its own. */
const LEAST_MS = 5;
const CGROUPS = readdirSync('/sys/fs/cgroup').map((name) => join('/sys/fs/cgroup', name));

const network = {
  ...{ cniVersion: '1.0.0', name: 'bench', type: 'trestle', bridge: 'cni0', isDefaultGateway: true },
  ipam: { type: 'host-local', ranges: [[{ subnet: '10.22.0.0/16' }]] },
};
const ours = {
  ...{ label: 'ours', network: 'POD', config: network },
  plugins: { ...ourPlugins(executable), ...referencePlugins('loopback') },
};
const nothing = {
  ...{ label: 'nothing', network: 'POD', config: { ...network, type: 'nothing' } },
  plugins: { nothing: NOTHING, ...referencePlugins('loopback') },
};
const without = { ...ours, label: 'without', network: 'NODE' };

describeUnless(DEBIAN.obstacle, 'sandboxes of the bench', () => {
  const running: Bun.Subprocess[] = [];
  const directory = scratchDirectory();
  const start = (plan: object) => {
    const file = join(directory, 'plan.json');
    writeFileSync(file, JSON.stringify(plan));
    const options = { stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' } as const;
    const child = Bun.spawn([process.execPath, PROGRAM, file], options);
    running.push(child);
    return child;
  };
  afterAll(() => {
    for (const child of running) child.kill();
  });

  test('are timed, by node and by how many there are at once', async () => {
    const crowds = [
      { size: 1, rounds: 2 },
      { size: 3, rounds: 1 },
    ];
    const started = performance.now();
    const child = start({ nodes: [ours, nothing, without], crowds });
    const said = await new Response(child.stderr).text();
    expect([await child.exited, said]).toEqual([0, '']);
    const ms = expect.any(Number);
    const lists = { 1: { run: [ms, ms], remove: [ms, ms] }, 3: { run: [ms], remove: [ms] } };
    const samples = (await new Response(child.stdout).json()) as Record<string, typeof lists>;
    expect(samples).toEqual({ ours: lists, nothing: lists, without: lists });
    const times = Object.values(samples).flatMap((bySize) =>
      Object.values(bySize).flatMap(({ run, remove }) => [...run, ...remove]),
    );
    expect(Math.min(...times)).toBeGreaterThan(LEAST_MS);
    expect(sum(times)).toBeLessThan(performance.now() - started);
    expect(madeBy(child)).toEqual([]);
  }, 120_000);

  test('that cannot be run are an error that says where and why, and leave nothing', async () => {
    const broken = { ...ours, label: 'broken', config: { ...network, ipam: { type: 'host-local' } } };
    const child = start({ nodes: [broken], crowds: [{ size: 1, rounds: 1 }] });
    const said = await new Response(child.stderr).text();
    expect(await child.exited).toBe(1);
    expect(said).toMatch(/^broken: .*plugin type="trestle".* failed \(add\): .*ranges/);
    expect(await new Response(child.stdout).text()).toBe('');
    expect(madeBy(child)).toEqual([]);
  }, 60_000);

  test('end with whoever wanted them', async () => {
    const child = start({ nodes: [ours, without], crowds: [{ size: 2, rounds: 1000 }] });
    await until(() => madeBy(child, CGROUPS).length > 0);
    child.stdin.end();
    expect(await child.exited).toBe(1);
    await until(() => madeBy(child).length === 0);
  }, 60_000);
});

/** What there is on this machine of what the program makes: namespaces, directories, and control groups, which hold processes. */
function madeBy({ pid }: Bun.Subprocess, places = ['/run/netns', tmpdir(), '/sys/fs/cgroup', ...CGROUPS]): string[] {
  const directories = places.filter((path) => statSync(path).isDirectory());
  return directories.flatMap((path) => readdirSync(path)).filter((name) => name.startsWith(`trt-${pid}-`));
}

function sum(list: readonly number[]): number {
  return list.reduce((total, one) => total + one, 0);
}

async function until(holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + patient(30_000); !holds(); ) {
    if (Date.now() > deadline) throw new Error(`it does not come to pass: ${holds}`);
    await Bun.sleep(100);
  }
}
