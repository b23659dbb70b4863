/** `ctr run --cni`: containerd's own command, which calls the plugins itself, after the container has started. */

import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type Artifact, artifacts } from '../support/artifacts.ts';
import { cidrs } from '../support/kernel.ts';
import type { Netns } from '../support/netns.ts';
import { OUTSIDE_ADDRESS } from '../support/node.ts';
import { describeUnless } from '../support/privilege.ts';
import { seenFrom, sourceServer } from '../support/traffic.ts';
import { ourPlugins } from './support/cnitool.ts';
import { type Containerd, DEBIAN, startContainerd } from './support/containerd.ts';
import { fetchPage, GREETING, IMAGE } from './support/image.ts';
import { left } from './support/left.ts';
import { createMachine, installPlugins, type Machine, referencePlugins } from './support/machine.ts';

/** One address, so that a lease that stays is noticed at once. */
const CONFIG = {
  ...{ cniVersion: '1.0.0', name: 'pods', type: 'trestle', bridge: 'cni0', isDefaultGateway: true, ipMasq: true },
  ipam: { type: 'trestle-ipam', ranges: [[{ subnet: '10.89.0.0/30' }]] },
};

for (const artifact of artifacts) {
  describeUnless(DEBIAN.obstacle, `ctr run --cni: ${artifact.name}`, () => suite(artifact));
}

function suite(artifact: Artifact): void {
  let machine: Machine;
  let containerd: Containerd;

  beforeAll(async () => {
    machine = await createMachine({ outside: true });
    installPlugins(machine, { ...ourPlugins(artifact), ...referencePlugins('loopback') });
    machine.write('/etc/cni/net.d/10-pods.conf', CONFIG);
    containerd = await startContainerd(machine, DEBIAN, artifact);
  });
  afterAll(() => {
    containerd?.cri.close();
    machine?.delete();
  });

  const run = (flags: string[], id: string, ...command: string[]) =>
    containerd.ctr('run', ...flags, '--cni', `--cgroup=${machine.cgroup}/${id}`, IMAGE, id, ...command);

  test('a container that ends leaves nothing', () => {
    const before = left(machine);
    for (const id of ['first', 'second']) {
      // The command is started before the interface is made.
      const script = 'until ip -o address show dev eth0 2>/dev/null | grep inet; do sleep 0.1; done';
      expect(run(['--rm'], id, 'sh', '-c', script)).toContain('10.89.0.2/30');
      expect(left(machine)).toEqual(before);
    }
  });

  test('a container in the background serves, and its lease is reclaimed after it was killed', async () => {
    const before = left(machine);
    run(['--detach'], 'web');
    const ns = netnsOf(containerd, 'web');
    expect(cidrs(ns, 'eth0')).toEqual(['10.89.0.2/30']);
    expect(fetchPage(machine.node.ns, '10.89.0.2')).toBe(`${GREETING}\n`);
    using outside = await sourceServer(machine.node.outside);
    expect(seenFrom(ns, { address: OUTSIDE_ADDRESS[4], port: outside.port })).toBe('203.0.113.2');
    containerd.ctr('task', 'rm', '--force', 'web');
    containerd.ctr('container', 'rm', 'web');
    // The interface goes a moment after the container that was killed.
    for (let tries = 0; left(machine).links.length > before.links.length && tries < 100; tries++) await Bun.sleep(50);
    // ctr sends no DEL for it. The next container needs the address, and gets it.
    expect(Object.keys(left(machine).files)).toContain('pods/10.89.0.2');
    expect(run(['--rm'], 'next', 'sh', '-c', 'until ip -o address show dev eth0; do sleep 0.1; done')).toBeDefined();
    expect(left(machine)).toEqual(before);
  });
}

/** `ctr task ls` says ID, process and state. */
function netnsOf({ machine, ctr }: Containerd, id: string): Netns {
  const line = ctr('task', 'ls')
    .split('\n')
    .find((candidate) => candidate.startsWith(`${id} `));
  return machine.netns(`/proc/${line?.split(/\s+/)[1]}/ns/net`);
}
