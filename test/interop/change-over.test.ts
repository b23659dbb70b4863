/** A node changes from the reference bridge and host-local to us, and back, while containers run: same names, same configuration. */

import { expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type Artifact, artifacts, executable } from '../support/artifacts.ts';
import { whyNoGoModule } from '../support/go-programs.ts';
import { cidrs } from '../support/kernel.ts';
import { type Leftovers, leftovers } from '../support/leftovers.ts';
import type { Netns } from '../support/netns.ts';
import { OUTSIDE_ADDRESS } from '../support/node.ts';
import { describeUnless } from '../support/privilege.ts';
import { SYSTEM_PATH } from '../support/process.ts';
import { ping, seenFrom, sourceServer } from '../support/traffic.ts';
import { type Cnitool, cnitool } from './support/cnitool.ts';
import { STORE } from './support/left.ts';
import { createMachine, type Machine } from './support/machine.ts';
import { RELEASES, type Release } from './support/reference.ts';

const BIN = '/opt/cni/bin';
const NAMES = ['bridge', 'host-local'];

for (const artifact of artifacts) {
  for (const release of RELEASES) {
    const name = `change-over: ${artifact.name} and ${release.name}`;
    describeUnless(release.obstacle ?? whyNoGoModule('cni'), name, () => {
      test('to us, and back', () => thereAndBack(artifact, release, true));
    });
  }
}

describeUnless(whyNoGoModule('cni'), 'change-over without masquerading', () => {
  test('to us, and back', () => thereAndBack(executable, RELEASES[0], false));
});

async function thereAndBack(artifact: Artifact, release: Release, ipMasq: boolean): Promise<void> {
  using machine = await createMachine({
    outside: true,
    ...(!ipMasq && { routesBack: ['10.89.0.0/24', 'fd00:89::/64'] }),
  });
  using server = await sourceServer(machine.node.outside);
  const tool = cnitool(machine, artifact);
  machine.write('/etc/cni/net.d/10-pods.conf', configuration(release, ipMasq));
  const before = everything(machine);
  const pods = new Map<string, Netns>();
  const add = (...names: string[]) => {
    for (const name of names) pods.set(name, attach(machine, tool, name));
    expectAllWell([...pods.values()], server.port);
  };
  const remove = (...names: string[]) => {
    for (const name of names) tool.del('pods', name);
    for (const name of names) pods.delete(name);
    expectAllWell([...pods.values()], server.port);
  };

  installReference(machine, release);
  add('theirs1', 'theirs2', 'theirs3');
  installOurs(machine, artifact);
  add('ours1', 'ours2');
  tool.check('pods', 'ours1');
  remove('theirs1');
  add('ours3');
  installReference(machine, release);
  add('theirs4');
  if (ipMasq && !release.forgivesMissingChains) {
    expect(tool.attempt('del', 'pods', 'ours1').stderr).toContain('does not exist');
  }
  remove('ours1', 'theirs2');
  installOurs(machine, artifact);
  add('ours4');
  collectGarbage(machine, artifact, release, [...pods.keys()]);
  expectAllWell([...pods.values()], server.port);
  expect(JSON.stringify(everything(machine))).not.toContain(containerId('ours1'));
  remove('theirs3', 'theirs4', 'ours2', 'ours3', 'ours4');
  expect(everything(machine)).toEqual(before);
}

/** The reference does not know of our records and set elements. This is what a runtime with CNI 1.1 says to us later. */
function collectGarbage(machine: Machine, artifact: Artifact, release: Release, names: readonly string[]): void {
  const valid = names.map((name) => ({ containerID: containerId(name), ifname: 'eth0' }));
  const config = { ...configuration(release, true), cniVersion: '1.1.0', 'cni.dev/valid-attachments': valid };
  const env = { PATH: `${artifact.searchPath}:${SYSTEM_PATH}`, CNI_COMMAND: 'GC', CNI_PATH: BIN };
  machine.run([`${BIN}/bridge`], { stdin: JSON.stringify(config), env });
}

/** cnitool's for a namespace of this name. */
function containerId(name: string): string {
  return `cnitool-${createHash('sha512').update(`/run/netns/${name}`).digest('hex').slice(0, 20)}`;
}

function configuration(release: Release, ipMasq: boolean): object {
  const ranges = [[{ subnet: '10.89.0.0/24' }], [{ subnet: 'fd00:89::/64' }]];
  const bridge = { bridge: 'cni0', isDefaultGateway: true, ipMasq };
  const ipam = { type: 'host-local', ranges };
  return { cniVersion: release.cniVersion, name: 'pods', type: 'bridge', ...bridge, ipam };
}

function attach(machine: Machine, tool: Cnitool, name: string): Netns {
  const ns = machine.addNetns(name);
  const { ips = [] } = tool.add('pods', name);
  expect(cidrs(ns, 'eth0')).toEqual(ips.map(({ address }) => address));
  return ns;
}

/** No address is there twice; each reaches the others and the outside. */
function expectAllWell(pods: readonly Netns[], port: number): void {
  const addresses = pods.map((ns) => cidrs(ns, 'eth0')[0]?.split('/')[0] ?? 'none');
  expect(new Set(addresses).size).toBe(pods.length);
  const [first] = pods;
  if (first === undefined) return;
  expect(addresses.slice(1).filter((address) => !ping(first, address))).toEqual([]);
  for (const ns of pods) expect(seenFrom(ns, { address: OUTSIDE_ADDRESS[4], port })).toBeDefined();
}

function installReference(machine: Machine, release: Release): void {
  for (const name of NAMES) machine.run(['install', '-D', join(release.directory, name), `${BIN}/${name}`]);
}

/** A copy is all it takes; the bundle has to stay beside the packages it uses. */
function installOurs(machine: Machine, artifact: Artifact): void {
  for (const name of NAMES) {
    if (artifact.path.endsWith('.cjs')) machine.run(['ln', '-sf', artifact.path, `${BIN}/${name}`]);
    else machine.run(['install', artifact.path, `${BIN}/${name}`]);
  }
}

/** With iptables' nat: the chains that the reference made for a container go with it, whoever deletes it. */
function everything(machine: Machine): Leftovers {
  return leftovers(machine.node, machine.path(STORE));
}
