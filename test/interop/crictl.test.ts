/** crictl, as people use it on a node, with containerd 2: the sandboxes and containers of a pod by hand. */

import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { executable } from '../support/artifacts.ts';
import { goProgram, whyNoGoModule } from '../support/go-programs.ts';
import { describeUnless } from '../support/privilege.ts';
import { ourPlugins } from './support/cnitool.ts';
import { CURRENT, startContainerd } from './support/containerd.ts';
import { fetchPage, GREETING, IMAGE } from './support/image.ts';
import { left } from './support/left.ts';
import { createMachine, installPlugins, referencePlugins } from './support/machine.ts';

const CONFLIST = join(import.meta.dir, '../../conf/10-trestle.conflist');

describeUnless(CURRENT.obstacle ?? whyNoGoModule('cri-tools'), 'crictl', () => {
  test('runs a pod with a container, shows its address, and removes it', async () => {
    using machine = await createMachine();
    installPlugins(machine, { ...ourPlugins(executable), ...referencePlugins('loopback', 'portmap') });
    machine.write('/etc/cni/net.d/10-trestle.conflist', readFileSync(CONFLIST, 'utf8'));
    machine.write('/etc/crictl.yaml', 'runtime-endpoint: unix:///run/containerd/containerd.sock\n');
    const containerd = await startContainerd(machine, CURRENT, executable);
    const crictl = (...args: string[]) => machine.run([goProgram('cri-tools', 'crictl'), ...args]).trim();
    const before = left(machine);

    const pod = machine.write('/run/pod.json', {
      metadata: { name: 'web', uid: 'web', namespace: 'default', attempt: 1 },
      log_directory: '/run/log',
      linux: { cgroup_parent: machine.cgroup },
    });
    const container = machine.write('/run/container.json', {
      metadata: { name: 'shell' },
      image: { image: IMAGE },
      command: ['sleep', '1000000'],
      log_path: 'shell.log',
      linux: {},
    });
    const sandbox = crictl('runp', pod);
    const id = crictl('create', sandbox, container, pod);
    crictl('start', id);
    const address = crictl('inspectp', '--output=go-template', '--template={{.status.network.ip}}', sandbox);
    expect(address).toBe('10.244.0.2');
    expect(crictl('exec', id, 'ip', 'address', 'show', 'eth0')).toContain(`${address}/24`);
    expect(fetchPage(machine.node.ns, address)).toBe(`${GREETING}\n`);
    expect(crictl('pods')).toContain('web');

    crictl('stopp', sandbox);
    crictl('rmp', sandbox);
    expect(left(machine)).toEqual(before);
    containerd.cri.close();
  });
});
