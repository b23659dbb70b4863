/**
 * flannel's CNI plugin with us in the place of bridge and host-local: two nodes, each with the subnet.env that flannel's daemon
 * writes, and the routes between them that it makes with the backend host-gw.
 */

import { expect, test } from 'bun:test';
import { type Artifact, artifacts } from '../support/artifacts.ts';
import { goProgram, whyNoGoModule } from '../support/go-programs.ts';
import { cidrs, link, setSysctl } from '../support/kernel.ts';
import { ipBatch, type Netns } from '../support/netns.ts';
import { describeUnless } from '../support/privilege.ts';
import { ping, seenFrom, sourceServer } from '../support/traffic.ts';
import { type Cnitool, cnitool, ourPlugins } from './support/cnitool.ts';
import { left } from './support/left.ts';
import { createMachine, installPlugins, type Machine, referencePlugins } from './support/machine.ts';

/** As kube-flannel installs it, but for the type in `delegate`. */
const conflist = (delegate: object) => ({
  ...{ name: 'cbr0', cniVersion: '0.3.1' },
  plugins: [
    { type: 'flannel', delegate: { ...delegate, hairpinMode: true, isDefaultGateway: true } },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
});

interface Place {
  /** What the plugin is installed as, beside its own names. */
  readonly as: string;
  readonly delegate: object;
}

const PLACES: readonly Place[] = [
  { as: 'trestle', delegate: { type: 'trestle' } },
  // The configuration that is there already: flannel's delegate is `bridge` unless told otherwise.
  { as: 'bridge', delegate: {} },
];

for (const artifact of artifacts) {
  describeUnless(whyNoGoModule('flannel') ?? whyNoGoModule('cni'), `flannel: ${artifact.name}`, () => {
    test.each(PLACES)('delegates to us as $as; pods reach each other across nodes', async (place) => {
      using east = await flannelNode(artifact, place, 1);
      using west = await flannelNode(artifact, place, 2);
      connect(east.machine, west.machine);
      const before = [left(east.machine), left(west.machine)];
      const [web, shop, db] = [east.attach('web'), east.attach('shop'), west.attach('db')];
      expect([web, shop, db].map((ns) => cidrs(ns, 'eth0'))).toEqual([
        ['10.244.1.2/24', 'fd00:10:244:1::2/64'],
        ['10.244.1.3/24', 'fd00:10:244:1::3/64'],
        ['10.244.2.2/24', 'fd00:10:244:2::2/64'],
      ]);
      expect(link(web, 'eth0')?.mtu).toBe(1450);
      using server = await sourceServer(db);
      for (const [family, to] of [
        [4, '10.244.2.2'],
        [6, 'fd00:10:244:2::2'],
      ] as const) {
        expect(ping(web, to)).toBe(true);
        expect(ping(east.machine.node.ns, to)).toBe(true);
        // Pods see each other's own addresses: what leaves a node for another is not masqueraded.
        const seen = seenFrom(web, { address: to, port: server.port });
        expect(seen).toBe(family === 4 ? '10.244.1.2' : 'fd00:10:244:1::2');
      }
      expect(ping(db, '10.244.1.3')).toBe(true);
      for (const name of ['web', 'shop', 'web']) east.tool.del('cbr0', name);
      // flannel remembers the configuration; its daemon may be gone.
      west.machine.run(['rm', '/run/flannel/subnet.env']);
      west.tool.del('cbr0', 'db');
      expect([left(east.machine), left(west.machine)]).toEqual(before);
    });
  });
}

interface FlannelNode extends Disposable {
  readonly machine: Machine;
  readonly tool: Cnitool;
  attach(name: string): Netns;
}

async function flannelNode(artifact: Artifact, { as, delegate }: Place, number: number): Promise<FlannelNode> {
  const machine = await createMachine();
  const tool = cnitool(machine, artifact);
  const flannel = goProgram('flannel', 'flannel');
  installPlugins(machine, { ...ourPlugins(artifact), [as]: artifact.path, flannel, ...referencePlugins('portmap') });
  machine.write('/etc/cni/net.d/10-flannel.conflist', conflist(delegate));
  machine.write('/run/flannel/subnet.env', subnetEnv(number));
  return {
    machine,
    tool,
    attach(name) {
      const ns = machine.addNetns(name);
      tool.add('cbr0', name);
      return ns;
    },
    [Symbol.dispose]: () => machine.delete(),
  };
}

function subnetEnv(number: number): string {
  return `FLANNEL_NETWORK=10.244.0.0/16
FLANNEL_SUBNET=10.244.${number}.1/24
FLANNEL_IPV6_NETWORK=fd00:10:244::/48
FLANNEL_IPV6_SUBNET=fd00:10:244:${number}::1/64
FLANNEL_MTU=1450
FLANNEL_IPMASQ=true
`;
}

/** A cable between two nodes, and on each the route to the other's subnets, as the backend host-gw makes them. */
function connect({ node: east }: Machine, { node: west }: Machine): void {
  // Nobody waits for duplicate address detection on the cable.
  for (const { ns } of [east, west]) setSysctl(ns, 'net/ipv6/conf/default/accept_dad', 0);
  ipBatch(east.ns, `link add cable type veth peer name cable netns ${west.ns.name}`);
  for (const [ns, own, other] of [
    [east.ns, 1, 2],
    [west.ns, 2, 1],
  ] as const) {
    ipBatch(
      ns,
      `link set cable up
       address add 198.51.100.${own}/24 dev cable
       address add 2001:db8:1::${own}/64 dev cable nodad
       route add 10.244.${other}.0/24 via 198.51.100.${other}
       route add fd00:10:244:${other}::/64 via 2001:db8:1::${other}`,
    );
  }
}
