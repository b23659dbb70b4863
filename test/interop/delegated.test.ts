/** The reference's main plugins with us as their IPAM plugin: what they ask of it and make of its answer. */

import { expect, test } from 'bun:test';
import { type Artifact, artifacts } from '../support/artifacts.ts';
import { whyNoGoModule } from '../support/go-programs.ts';
import { cidrs, links, setSysctl } from '../support/kernel.ts';
import { NODE_ADDRESS, OUTSIDE_ADDRESS } from '../support/node.ts';
import { describeUnless } from '../support/privilege.ts';
import { ping } from '../support/traffic.ts';
import { cnitool, ourPlugins } from './support/cnitool.ts';
import { left } from './support/left.ts';
import { createMachine, installPlugins, pluginsFrom } from './support/machine.ts';
import { RELEASES, type Release } from './support/reference.ts';

const POOLS = [[{ subnet: '10.89.0.0/24' }], [{ subnet: 'fd00:89::/64' }]];
/** On the link to the outside, which is what macvlan puts a container on. */
const UPLINK_POOLS = [
  [{ subnet: '203.0.113.0/24', rangeStart: '203.0.113.100', gateway: OUTSIDE_ADDRESS[4] }],
  [{ subnet: '2001:db8:ffff::/64', rangeStart: '2001:db8:ffff::100', gateway: OUTSIDE_ADDRESS[6] }],
];

interface MainPlugin {
  readonly type: string;
  readonly config: object;
  readonly ranges: object;
  readonly addresses: readonly string[];
  /** What a container can reach. */
  readonly reachable: readonly string[];
}

const MAIN_PLUGINS: readonly MainPlugin[] = [
  {
    type: 'bridge',
    config: { bridge: 'cni0', isDefaultGateway: true },
    ranges: POOLS,
    addresses: ['10.89.0.2/24', 'fd00:89::2/64'],
    reachable: ['10.89.0.1', 'fd00:89::1', '10.89.0.3', 'fd00:89::3'],
  },
  {
    type: 'ptp',
    config: {},
    ranges: POOLS,
    addresses: ['10.89.0.2/24', 'fd00:89::2/64'],
    reachable: ['10.89.0.1', 'fd00:89::1', '10.89.0.3', 'fd00:89::3'],
  },
  {
    type: 'macvlan',
    config: { master: 'eth0' },
    ranges: UPLINK_POOLS,
    addresses: ['2001:db8:ffff::100/64', '203.0.113.100/24'],
    reachable: [OUTSIDE_ADDRESS[4], OUTSIDE_ADDRESS[6], '203.0.113.101', '2001:db8:ffff::101'],
  },
];

for (const artifact of artifacts) {
  for (const release of RELEASES) {
    const name = `under the main plugins of ${release.name}: ${artifact.name}`;
    describeUnless(release.obstacle ?? whyNoGoModule('cni'), name, () => {
      test.each(MAIN_PLUGINS)('$type', (plugin) => attachTwo(artifact, release, plugin));
    });
  }
}

async function attachTwo(artifact: Artifact, release: Release, plugin: MainPlugin): Promise<void> {
  using machine = await createMachine({ outside: true });
  const tool = cnitool(machine, artifact);
  const { type, config, ranges, addresses, reachable } = plugin;
  installPlugins(machine, { ...ourPlugins(artifact), ...pluginsFrom(release.directory, type) });
  const routes = [{ dst: '0.0.0.0/0' }, { dst: '::/0' }];
  const ipam = { type: 'trestle-ipam', ranges, ...(type !== 'bridge' && { routes }) };
  machine.write('/etc/cni/net.d/10-pods.conf', { cniVersion: release.cniVersion, name: 'pods', type, ...config, ipam });
  const [web, db] = [machine.addNetns('web'), machine.addNetns('db')];
  // The reference plugins have the kernel look for duplicates of IPv6 addresses, and ptp waits for it.
  for (const ns of [machine.node.ns, web, db]) setSysctl(ns, 'net/ipv6/conf/default/accept_dad', 0);
  const before = left(machine);
  for (const name of ['web', 'db']) tool.add('pods', name);
  expect(cidrs(web, 'eth0')).toEqual([...addresses]);
  expect(reachable.filter((address) => !ping(web, address))).toEqual([]);
  expect(ping(machine.node.ns, NODE_ADDRESS[4])).toBe(true);
  for (const name of ['web', 'db']) tool.check('pods', name);
  if (release.cniVersion === '1.1.0') tool.status('pods', 'web');
  for (const name of ['web', 'db']) tool.del('pods', name);
  expect(links(web).map(({ ifname }) => ifname)).toEqual(['lo']);
  expect(left(machine)).toEqual(before);
}
