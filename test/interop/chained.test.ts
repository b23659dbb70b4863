/** The reference's meta plugins behind us in a list: each gets what it needs from our result, and CHECK holds after it. */

import { expect, test } from 'bun:test';
import { type Artifact, artifacts } from '../support/artifacts.ts';
import type { CniResult } from '../support/cni.ts';
import { whyNoGoModule } from '../support/go-programs.ts';
import { link, sysctl } from '../support/kernel.ts';
import { exec, type Netns, tryExec } from '../support/netns.ts';
import { NODE_ADDRESS, OUTSIDE_ADDRESS } from '../support/node.ts';
import { describeUnless } from '../support/privilege.ts';
import { ping, seenFrom, sourceServer } from '../support/traffic.ts';
import { type CnitoolOptions, cnitool, ourPlugins } from './support/cnitool.ts';
import { left } from './support/left.ts';
import { createMachine, installPlugins, type Machine, pluginsFrom } from './support/machine.ts';
import { RELEASES, type Release } from './support/reference.ts';

interface Chain {
  readonly machine: Machine;
  readonly web: Netns;
  add(options?: CnitoolOptions): CniResult;
  check(options?: CnitoolOptions): void;
  del(options?: CnitoolOptions): void;
  /** Links, files, set elements and what is in the container. */
  left(): unknown;
}

interface Peer {
  readonly type: string;
  readonly config?: object;
}

/** A group for each artifact with the peers of each release. */
function withPeers(name: string, body: (artifact: Artifact, release: Release) => void): void {
  for (const artifact of artifacts) {
    for (const release of RELEASES) {
      const obstacle = release.obstacle ?? whyNoGoModule('cni');
      describeUnless(obstacle, `${name}: ${artifact.name}, peers of ${release.name}`, () => body(artifact, release));
    }
  }
}

async function chain(artifact: Artifact, release: Release, { type, config }: Peer): Promise<Chain> {
  const machine = await createMachine({ outside: true });
  installPlugins(machine, { ...ourPlugins(artifact), ...pluginsFrom(release.directory, type) });
  const ranges = ['10.89.0.0/24', 'fd00:89::/64'].map((subnet) => [{ subnet }]);
  const bridge = { bridge: 'cni0', isDefaultGateway: true, ipMasq: true, hairpinMode: true };
  const main = { type: 'trestle', ...bridge, ipam: { type: 'trestle-ipam', ranges } };
  const list = { cniVersion: release.cniVersion, name: 'pods', plugins: [main, { type, ...config }] };
  machine.write('/etc/cni/net.d/10-pods.conflist', list);
  const tool = cnitool(machine, artifact);
  return {
    machine,
    web: machine.addNetns('web'),
    add: (options) => tool.add('pods', 'web', options),
    check: (options) => tool.check('pods', 'web', options),
    del: (options) => tool.del('pods', 'web', options),
    left: () => left(machine),
  };
}

withPeers('portmap', (artifact, release) => {
  const capabilities = { portMappings: [{ hostPort: 8080, containerPort: 7777, protocol: 'tcp' }] };

  test('publishes a port', async () => {
    const peer = {
      type: 'portmap',
      families: [4],
      config: { capabilities: { portMappings: true }, snat: true },
    };
    const pods = await chain(artifact, release, peer);
    using machine = pods.machine;
    const before = pods.left();
    pods.add({ capabilities });
    using server = await sourceServer(pods.web);
    expect(server.port).toBe(7777);
    const published = { address: NODE_ADDRESS[4], port: 8080 };
    expect(seenFrom(machine.node.outside, published)).toBe(OUTSIDE_ADDRESS[4]);
    expect(seenFrom(pods.web, published)).toBe('10.89.0.1');
    if (release.portmapChecks) pods.check({ capabilities });
    else expect(() => pods.check({ capabilities })).toThrow('could not check ipv6 dnat');
    pods.del({ capabilities });
    expect(seenFrom(machine.node.outside, published, 0.5)).toBeUndefined();
    expect(pods.left()).toEqual(before);
  });
});

withPeers('firewall', (artifact, release) => {
  test('lets an address through', async () => {
    const pods = await chain(artifact, release, { type: 'firewall', config: { backend: 'iptables' } });
    using machine = pods.machine;
    const rules = () =>
      machine.run(['iptables', '-S', 'CNI-FORWARD']) + machine.run(['ip6tables', '-S', 'CNI-FORWARD']);
    const before = pods.left();
    machine.run(['iptables', '-P', 'FORWARD', 'DROP']);
    pods.add();
    expect(rules()).toContain('-d 10.89.0.2/32');
    expect(rules()).toContain('-d fd00:89::2/128');
    for (const family of [4, 6] as const) expect(ping(pods.web, OUTSIDE_ADDRESS[family])).toBe(true);
    pods.check();
    pods.del();
    expect(rules()).not.toContain('-d ');
    expect(pods.left()).toEqual(before);
  });
});

withPeers('bandwidth', (artifact, release) => {
  const capabilities = { bandwidth: { ingressRate: 8e6, ingressBurst: 8e6, egressRate: 16e6, egressBurst: 16e6 } };

  test('limits both directions', async () => {
    const pods = await chain(artifact, release, { type: 'bandwidth', config: { capabilities: { bandwidth: true } } });
    using machine = pods.machine;
    const before = pods.left();
    const result = pods.add({ capabilities });
    const qdiscs = machine.run(['tc', 'qdisc', 'show']);
    expect(result.interfaces?.[1]?.name).toMatch(/^veth/);
    expect(qdiscs).toMatch(new RegExp(`tbf 1: dev ${result.interfaces?.[1]?.name} root refcnt \\d+ rate 8Mbit`));
    expect(qdiscs).toMatch(/tbf 1: dev bwp\w+ root refcnt \d+ rate 16Mbit/);
    expect(ping(pods.web, OUTSIDE_ADDRESS[4])).toBe(true);
    pods.check({ capabilities });
    pods.del({ capabilities });
    expect(pods.left()).toEqual(before);
  });
});

withPeers('tuning', (artifact, release) => {
  test('changes sysctls, MAC, MTU and modes of the interface', async () => {
    const change = { mac: '02:00:00:00:00:07', mtu: 1280, promisc: true, allmulti: true };
    const settings = { 'net.ipv4.conf.eth0.log_martians': '1' };
    const pods = await chain(artifact, release, { type: 'tuning', config: { ...change, sysctl: settings } });
    using _ = pods.machine;
    const before = pods.left();
    expect(pods.add().interfaces?.[2]).toMatchObject({ mac: change.mac });
    expect(link(pods.web, 'eth0')).toMatchObject({ address: change.mac, mtu: 1280, promiscuity: 1, allmulti: 1 });
    expect(sysctl(pods.web, 'net/ipv4/conf/eth0/log_martians')).toBe('1');
    expect(ping(pods.web, OUTSIDE_ADDRESS[4])).toBe(true);
    pods.check();
    pods.del();
    expect(pods.left()).toEqual(before);
  });
});

withPeers('sbr', (artifact, release) => {
  test('moves the routes into a table of the address’s own', async () => {
    const pods = await chain(artifact, release, { type: 'sbr' });
    using _ = pods.machine;
    const before = pods.left();
    pods.add();
    expect(exec(pods.web, ['ip', 'rule'])).toContain('from 10.89.0.2 lookup 100');
    expect(exec(pods.web, ['ip', 'route', 'show', 'table', '100'])).toContain('default via 10.89.0.1 dev eth0');
    expect(tryExec(pods.web, ['ip', 'route', 'show', 'default']).stdout).toBe('');
    expect(ping(pods.web, OUTSIDE_ADDRESS[4], { source: '10.89.0.2' })).toBe(true);
    pods.check();
    pods.del();
    expect(pods.left()).toEqual(before);
  });
});
