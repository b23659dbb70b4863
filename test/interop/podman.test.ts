/** podman with its CNI backend: networks from /etc/cni/net.d, several a container, requested addresses, published ports. */

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'bun:test';
import { type Artifact, artifacts } from '../support/artifacts.ts';
import { cidrs, link } from '../support/kernel.ts';
import { exec, type Netns } from '../support/netns.ts';
import { NODE_ADDRESS, OUTSIDE_ADDRESS } from '../support/node.ts';
import { describeUnless } from '../support/privilege.ts';
import { SYSTEM_PATH, whyNoProgram } from '../support/process.ts';
import { seenFrom, sourceServer } from '../support/traffic.ts';
import { ourPlugins } from './support/cnitool.ts';
import { fetchPage, GREETING, IMAGE, imageArchive } from './support/image.ts';
import { left } from './support/left.ts';
import { createMachine, installPlugins, type Machine, referencePlugins } from './support/machine.ts';

/** The last two are needed where root may not raise limits, in a container for one. */
const CONTAINERS_CONF = `[network]
network_backend = "cni"
cni_plugin_dirs = ["/opt/cni/bin"]
network_config_dir = "/etc/cni/net.d"
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
events_logger = "file"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
`;

for (const artifact of artifacts) {
  describeUnless(whyNoProgram('podman'), `podman: ${artifact.name}`, () => suite(artifact));
}

function suite(artifact: Artifact): void {
  let machine: Machine;
  let before: ReturnType<typeof left>;
  const podman = (...args: string[]) =>
    machine.run(['podman', ...args], { env: { PATH: `${artifact.searchPath}:${SYSTEM_PATH}` } }).trim();
  const run = (name: string, ...flags: string[]): Netns => {
    podman('run', '--detach', '--name', name, '--cgroup-parent', machine.cgroup, ...flags, IMAGE);
    return machine.netns(`/proc/${podman('inspect', '--format', '{{.State.Pid}}', name)}/ns/net`);
  };
  const remove = (...names: string[]) => podman('rm', '--force', '--time', '0', ...names);

  beforeAll(async () => {
    machine = await createMachine({ outside: true });
    installPlugins(machine, { ...ourPlugins(artifact), ...referencePlugins('portmap') });
    machine.write('/etc/containers/containers.conf', CONTAINERS_CONF);
    machine.mountTmpfs('/var/lib/containers');
    machine.write('/etc/cni/net.d/10-front.conflist', network('front', 1));
    machine.write('/etc/cni/net.d/20-back.conflist', network('back', 2));
    podman('load', '--input', imageArchive(machine));
  });
  beforeEach(() => {
    before = left(machine);
  });
  afterEach(() => {
    podman('rm', '--force', '--time', '0', '--all');
  });
  afterAll(() => machine?.delete());

  test('run: addresses as inspect tells them, to the outside and back', async () => {
    const web = run('web', '--network', 'front');
    const told = podman('inspect', '--format', '{{json .NetworkSettings.Networks.front}}', 'web');
    expect(JSON.parse(told)).toMatchObject({
      ...{ Gateway: '10.89.1.1', IPAddress: '10.89.1.2', IPPrefixLen: 24 },
      ...{ IPv6Gateway: 'fd00:89:1::1', GlobalIPv6Address: 'fd00:89:1::2', GlobalIPv6PrefixLen: 64 },
      MacAddress: link(web, 'eth0')?.address,
    });
    expect(cidrs(web, 'eth0')).toEqual(['10.89.1.2/24', 'fd00:89:1::2/64']);
    expect(fetchPage(machine.node.ns, '10.89.1.2')).toBe(`${GREETING}\n`);
    using outside = await sourceServer(machine.node.outside);
    for (const family of [4, 6] as const) {
      const target = { address: OUTSIDE_ADDRESS[family], port: outside.port };
      expect(seenFrom(web, target)).toBe(NODE_ADDRESS[family]);
    }
    remove('web');
    expect(left(machine)).toEqual(before);
  });

  test('--ip and --mac-address', () => {
    const web = run('web', '--network', 'front', '--ip', '10.89.1.77', '--mac-address', '02:00:00:00:00:07');
    expect(cidrs(web, 'eth0')[0]).toBe('10.89.1.77/24');
    expect(link(web, 'eth0')?.address).toBe('02:00:00:00:00:07');
    expect(() => run('late', '--network', 'front', '--ip', '10.89.1.77')).toThrow(/10\.89\.1\.77/);
    remove('web');
    podman('rm', '--force', 'late');
    expect(left(machine)).toEqual(before);
  });

  test('two networks, and one of them taken away', () => {
    const web = run('web', '--network', 'front,back');
    const db = run('db', '--network', 'back');
    const interfaces = exec(web, ['ip', '-4', '-brief', 'address']);
    for (const address of ['10.89.1.', '10.89.2.']) expect(interfaces).toContain(address);
    expect(cidrs(db, 'eth0')[0]).toBe('10.89.2.3/24');
    expect(fetchPage(web, '10.89.2.3')).toBe(`${GREETING}\n`);
    podman('network', 'disconnect', 'back', 'web');
    expect(exec(web, ['ip', '-4', '-brief', 'address'])).not.toContain('10.89.2.');
    podman('network', 'connect', 'back', 'web');
    expect(exec(web, ['ip', '-4', '-brief', 'address'])).toContain('10.89.2.');
    expect(fetchPage(web, '10.89.2.3')).toBe(`${GREETING}\n`);
    remove('web', 'db');
    expect(left(machine)).toEqual(before);
  });

  test('-p, through portmap', () => {
    const web = run('web', '--network', 'front', '-p', '8080:80');
    for (const ns of [machine.node.outside, machine.node.ns, web]) {
      expect(fetchPage(ns, `${NODE_ADDRESS[4]}:8080`)).toBe(`${GREETING}\n`);
    }
    remove('web');
    expect(() => fetchPage(machine.node.outside, `${NODE_ADDRESS[4]}:8080`, 1)).toThrow();
    expect(left(machine)).toEqual(before);
  });

  test('restart keeps nothing of the old interface', () => {
    run('web', '--network', 'front');
    podman('restart', '--time', '0', 'web');
    expect(Object.keys(left(machine).files).filter((path) => path.startsWith('front/10.'))).toHaveLength(1);
    remove('web');
    expect(left(machine)).toEqual(before);
  });

  test('network rm removes the configuration, and the network is not used any more', () => {
    expect(podman('network', 'ls', '--quiet', '--filter', 'driver=trestle').split('\n')).toEqual(['back', 'front']);
    podman('network', 'rm', 'back');
    expect(machine.run(['ls', '/etc/cni/net.d'])).not.toContain('back');
    expect(() => run('late', '--network', 'back')).toThrow(/back/);
  });
}

/** A network with a subnet of its own in both families. */
function network(name: string, number: number): object {
  const ranges = [[{ subnet: `10.89.${number}.0/24` }], [{ subnet: `fd00:89:${number}::/64` }]];
  const bridge = { bridge: `cni-${name}`, isDefaultGateway: true, ipMasq: true, hairpinMode: true };
  const main = { type: 'trestle', ...bridge, ipam: { type: 'trestle-ipam', ranges } };
  const portmap = { type: 'portmap', capabilities: { portMappings: true }, snat: true };
  return { cniVersion: '1.0.0', name, plugins: [main, portmap] };
}
