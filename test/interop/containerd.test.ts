/** containerd as kubelet uses it, through its CRI socket. */

import { afterAll, beforeAll, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { executable } from '../support/artifacts.ts';
import { cidrs } from '../support/kernel.ts';
import { identity, type Netns } from '../support/netns.ts';
import { NODE_ADDRESS, OUTSIDE_ADDRESS } from '../support/node.ts';
import { describeUnless } from '../support/privilege.ts';
import { ping, seenFrom, sourceServer } from '../support/traffic.ts';
import { ourPlugins } from './support/cnitool.ts';
import { type Containerd, type ContainerdRelease, CURRENT, DEBIAN, startContainerd } from './support/containerd.ts';
import type { SandboxOptions } from './support/cri.ts';
import { fetchPage, GREETING } from './support/image.ts';
import { left } from './support/left.ts';
import { createMachine, installPlugins, type Machine, referencePlugins } from './support/machine.ts';

const CONFLIST = join(import.meta.dir, '../../conf/10-trestle.conflist');
const NET_D = '/etc/cni/net.d';
const GATEWAY = { 4: '10.244.0.1', 6: 'fd00:10:244::1' } as const;

/** A network with one address. */
const SMALL = {
  ...{ type: 'trestle', bridge: 'small0', isDefaultGateway: true, ipMasq: true },
  ipam: { type: 'trestle-ipam', ranges: [[{ subnet: '10.245.0.0/30' }]] },
};

interface Pod {
  readonly id: string;
  readonly ns: Netns;
  readonly addresses: readonly string[];
}

for (const release of [DEBIAN, CURRENT]) describeUnless(release.obstacle, `${release.name}, CRI`, () => suite(release));

function suite(release: ContainerdRelease): void {
  let machine: Machine;
  let containerd: Containerd;
  let before: ReturnType<typeof left>;

  beforeAll(async () => {
    machine = await createMachine({ outside: true });
    installPlugins(machine, { ...ourPlugins(executable), ...referencePlugins('loopback', 'portmap', 'tuning') });
    containerd = await startContainerd(machine, release, executable);
  });
  afterAll(() => {
    containerd?.cri.close();
    machine?.delete();
  });

  const run = async (name: string, options?: SandboxOptions): Promise<Pod> => {
    const id = await containerd.cri.run(name, options);
    const { addresses, pid, state } = await containerd.cri.status(id);
    expect(state).toBe('SANDBOX_READY');
    return { id, addresses, ns: machine.netns(`/proc/${pid}/ns/net`) };
  };
  const remove = async ({ id }: Pod): Promise<void> => {
    await containerd.cri.stop(id);
    await containerd.cri.remove(id);
  };
  /** Writes a configuration, and waits until containerd has seen it, which it does by itself. */
  const configure = async (file: string, list: unknown): Promise<void> => {
    const path = machine.write(`${NET_D}/${file}`, list);
    await until(machine.run(['cat', path]));
  };
  const until = async (configuration: string | undefined): Promise<void> => {
    for (let tries = 0; (await containerd.cri.configuration()) !== configuration; tries++) {
      if (tries === 100) throw new Error(`containerd does not use ${configuration}`);
      await Bun.sleep(50);
    }
  };

  test('is ready when a configuration is there, without a restart', async () => {
    expect(await containerd.cri.conditions()).toMatchObject({ NetworkReady: expect.stringContaining('cni') });
    await configure('10-trestle.conflist', readFileSync(CONFLIST, 'utf8'));
    expect(await containerd.cri.conditions()).toMatchObject({ RuntimeReady: 'yes', NetworkReady: 'yes' });
    before = left(machine);
  });

  test('a sandbox has the addresses of its status, and reaches what it should', async () => {
    const [web, db] = [await run('web'), await run('db')];
    expect(cidrs(web.ns, 'eth0')).toEqual([`${web.addresses[0]}/24`, `${web.addresses[1]}/64`]);
    expect(web.addresses).not.toEqual(db.addresses);
    using outside = await sourceServer(machine.node.outside);
    for (const [at, family] of ([4, 6] as const).entries()) {
      expect(ping(web.ns, GATEWAY[family])).toBe(true);
      expect(ping(web.ns, db.addresses[at] as string)).toBe(true);
      expect(ping(machine.node.ns, web.addresses[at] as string)).toBe(true);
      const target = { address: OUTSIDE_ADDRESS[family], port: outside.port };
      expect(seenFrom(web.ns, target)).toBe(NODE_ADDRESS[family]);
    }
    expect(fetchPage(web.ns, db.addresses[0])).toBe(`${GREETING}\n`);
    expect(fetchPage(machine.node.ns, db.addresses[0])).toBe(`${GREETING}\n`);
    for (const pod of [web, db]) await remove(pod);
    expect(left(machine)).toEqual(before);
    expect(await containerd.cri.list()).toEqual([]);
  });

  test('a hostPort is reached from outside, from the node, and from the pod itself', async () => {
    const web = await run('web', { ports: [{ protocol: 'TCP', container_port: 80, host_port: 8080 }] });
    for (const ns of [machine.node.outside, machine.node.ns, web.ns]) {
      expect(fetchPage(ns, `${NODE_ADDRESS[4]}:8080`)).toBe(`${GREETING}\n`);
    }
    await remove(web);
    expect(() => fetchPage(machine.node.outside, `${NODE_ADDRESS[4]}:8080`, 1)).toThrow();
    expect(left(machine)).toEqual(before);
  });

  test("a sandbox on the node's network is none of the plugin's business", async () => {
    const agent = await run('agent', { network: 'NODE' });
    expect(agent.addresses).toEqual([]);
    expect(identity(agent.ns.path)).toBe(identity(machine.node.ns.path) as string);
    expect(left(machine)).toEqual(before);
    await remove(agent);
    expect(left(machine)).toEqual(before);
  });

  test('stopping twice, and removing what was not stopped, is the same', async () => {
    const [web, db] = [await run('web'), await run('db')];
    for (let times = 0; times < 2; times++) await containerd.cri.stop(web.id);
    expect((await containerd.cri.status(web.id)).state).toBe('SANDBOX_NOTREADY');
    await containerd.cri.remove(web.id);
    await containerd.cri.remove(db.id);
    await containerd.cri.remove(db.id);
    expect(left(machine)).toEqual(before);
  });

  test('twenty at once have twenty addresses, and leave none', async () => {
    const pods = await Promise.all(Array.from({ length: 20 }, (_, at) => run(`many${at}`)));
    for (const family of [0, 1]) expect(new Set(pods.map(({ addresses }) => addresses[family])).size).toBe(20);
    const [first] = pods as [Pod];
    const unreachable = pods.slice(1).filter(({ addresses }) => !ping(first.ns, addresses[0] as string));
    expect(unreachable).toEqual([]);
    await Promise.all(pods.map(remove));
    expect(left(machine)).toEqual(before);
  }, 120_000);

  test('sandboxes outlive a restart of containerd', async () => {
    const web = await run('web');
    await containerd.stop();
    expect(fetchPage(machine.node.ns, web.addresses[0])).toBe(`${GREETING}\n`);
    await containerd.start();
    expect((await containerd.cri.status(web.id)).addresses).toEqual(web.addresses);
    const db = await run('db');
    expect(db.addresses).not.toEqual(web.addresses);
    expect(ping(db.ns, web.addresses[0] as string)).toBe(true);
    for (const pod of [web, db]) await remove(pod);
    expect(left(machine)).toEqual(before);
  });

  test('a sandbox whose ADD fails leaves nothing, and says why', async () => {
    const list = { cniVersion: '1.0.0', name: 'small' };
    const refused = { type: 'tuning', sysctl: { 'net.ipv4.conf.eth0.nothere': '1' } };

    await configure('05-small.conflist', { ...list, plugins: [SMALL, refused] });
    expect(await refusal(containerd.cri.run('web'))).toContain('nothere');
    expect([left(machine), await containerd.cri.list()]).toEqual([before, []]);

    await configure('05-small.conflist', { ...list, plugins: [SMALL] });
    const only = await run('only');
    expect(only.addresses).toEqual(['10.245.0.2']);
    const during = left(machine);
    expect(await refusal(containerd.cri.run('late'))).toMatch(
      /plugin type="trestle" .*failed \(add\): .*range set 0 .* is exhausted.*default\/only/,
    );
    expect(left(machine)).toEqual(during);
    await remove(only);
    expect([left(machine), await containerd.cri.list()]).toEqual([before, []]);
  });

  if (!release.asksStatus) return;
  test('a range without a free address is no broken node, unless "status" is "strict"', async () => {
    await configure('05-small.conflist', { cniVersion: '1.1.0', name: 'small', plugins: [SMALL] });
    expect(await containerd.cri.conditions()).toMatchObject({ NetworkReady: 'yes' });
    const only = await run('only');
    expect(await containerd.cri.conditions()).toMatchObject({ NetworkReady: 'yes' });
    const strict = { ...SMALL, status: 'strict' };
    await configure('05-small.conflist', { cniVersion: '1.1.0', name: 'small', plugins: [strict] });
    expect(await containerd.cri.conditions()).toMatchObject({ NetworkReady: expect.stringContaining('exhausted') });
    await remove(only);
    expect(await containerd.cri.conditions()).toMatchObject({ NetworkReady: 'yes' });
  });
}

/** The message of what must fail. (Bun's `rejects` waits without letting the connection work.) */
async function refusal(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => 'it did not fail',
    (error: Error) => error.message,
  );
}
