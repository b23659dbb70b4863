/** Every key that changes something in the kernel: it does, CHECK is content, CHECK names it when it is undone, DEL removes it. */

import { expect, test } from 'bun:test';
import { failed, succeeded } from '../support/cni.ts';
import { addresses, bridgePorts, cidrs, link, routes, sysctl } from '../support/kernel.ts';
import { leftovers } from '../support/leftovers.ts';
import { exec, ipBatch } from '../support/netns.ts';
import { nftElements } from '../support/nft.ts';
import { type Container, createNode, type ScratchNode } from '../support/node.ts';
import { type CallOptions, runtime } from '../support/runtime.ts';
import {
  type Config,
  e2e,
  FORWARDING,
  hostVeth,
  isUp,
  mustLink,
  network,
  stopForwarding,
  V4,
  V6,
} from './support/network.ts';

interface Row {
  readonly key: string;
  /** What the usual network has instead; `options` are of the ADD. */
  readonly config: Config | ((node: ScratchNode) => Config);
  readonly options?: CallOptions;
  readonly before?: (node: ScratchNode) => void;
  /** What the kernel must say then, and what it says without the key. */
  readonly look: (node: ScratchNode, container: Container) => unknown;
  readonly expected: unknown;
  readonly undo: (node: ScratchNode, container: Container) => void;
  readonly message: string | RegExp;
}

const onNode = (commands: string) => (node: ScratchNode) => ipBatch(node.ns, commands);
const inside =
  (commands: string) =>
  (_: ScratchNode, { ns }: Container) =>
    ipBatch(ns, commands);
const layer2 = { isDefaultGateway: false, ipMasq: false };

function portRow(key: string, option: 'hairpin' | 'isolated', text: string): Row {
  const nameOf = (node: ScratchNode, container: Container) => hostVeth(node, container).ifname;
  return {
    key,
    config: { [key]: true },
    look: (node, container) => bridgePorts(node.ns).find(({ ifname }) => ifname === nameOf(node, container))?.[option],
    expected: true,
    undo: (node, one) => void exec(node.ns, ['bridge', 'link', 'set', 'dev', nameOf(node, one), option, 'off']),
    message: new RegExp(`${text} of veth[0-9a-f]+ is off, expected on`),
  };
}

const ROWS: Row[] = [
  {
    key: 'bridge',
    config: { bridge: 'br-other' },
    look: (node, container) => [hostVeth(node, container).master, cidrs(node.ns, 'br-other')],
    expected: ['br-other', [`${V4.gateway}/24`, `${V6.gateway}/64`]],
    undo: onNode('link delete br-other'),
    message: 'the bridge br-other is missing',
  },
  {
    key: 'isGateway',
    config: { isDefaultGateway: false, ipMasq: false, isGateway: true },
    before: (node) => stopForwarding(node.ns),
    look: (node, { ns }) => [
      cidrs(node.ns, 'cni0'),
      Object.values(FORWARDING).map((name) => sysctl(node.ns, name)),
      routes(ns, 4).length,
    ],
    expected: [[`${V4.gateway}/24`, `${V6.gateway}/64`], ['1', '1'], 1],
    undo: onNode(`address delete ${V4.gateway}/24 dev cni0`),
    message: `the address ${V4.gateway}/24 of the bridge cni0 is missing`,
  },
  {
    key: 'isDefaultGateway',
    config: {},
    look: (_, { ns }) =>
      ([4, 6] as const).map((family) => routes(ns, family).find(({ dst }) => dst === 'default')?.gateway),
    expected: [V4.gateway, V6.gateway],
    undo: inside('route delete default'),
    message: `the route 0.0.0.0/0 via ${V4.gateway} is missing`,
  },
  {
    key: 'forceAddress',
    config: { forceAddress: true },
    before: (node) => {
      ipBatch(node.ns, 'link add cni0 type bridge\naddress add 10.77.0.1/24 dev cni0');
      ipBatch(node.ns, 'link add other type veth peer name rehto\nlink set other master cni0');
    },
    look: (node) => cidrs(node.ns, 'cni0'),
    expected: [`${V4.gateway}/24`, `${V6.gateway}/64`],
    undo: onNode(`address delete ${V4.gateway}/24 dev cni0`),
    message: `the address ${V4.gateway}/24 of the bridge cni0 is missing`,
  },
  {
    key: 'ipMasq',
    config: {},
    look: (node) => nftElements(node.ns).map(({ value }) => value),
    expected: [V4.first, V6.first],
    undo: ({ ns }) => void exec(ns, ['nft', 'flush', 'ruleset']),
    message: `${V4.first} is not masqueraded`,
  },
  {
    key: 'mtu',
    config: { mtu: 1300 },
    look: (node, container) => [
      mustLink(node.ns, 'cni0').mtu,
      hostVeth(node, container).mtu,
      mustLink(container.ns, 'eth0').mtu,
    ],
    expected: [1300, 1300, 1300],
    undo: (node, container) => ipBatch(node.ns, `link set ${hostVeth(node, container).ifname} mtu 1400`),
    message: /the MTU of veth[0-9a-f]+ is 1400, expected 1300/,
  },
  portRow('hairpinMode', 'hairpin', 'hairpin mode'),
  portRow('portIsolation', 'isolated', 'port isolation'),
  {
    key: 'promiscMode',
    config: { promiscMode: true },
    look: (node) => mustLink(node.ns, 'cni0').flags.includes('PROMISC'),
    expected: true,
    undo: onNode('link set cni0 promisc off'),
    message: 'promiscuous mode of the bridge cni0 is off, expected on',
  },
  {
    key: 'enabledad',
    config: { enabledad: true },
    look: (_, { ns }) => addresses(ns, 'eth0').map(({ cidr, flags }) => [cidr, flags.includes('nodad')]),
    expected: [
      [`${V4.first}/24`, false],
      [`${V6.first}/64`, false],
    ],
    undo: inside(`address delete ${V6.first}/64 dev eth0`),
    message: `the address ${V6.first}/64 of eth0 in the container is missing`,
  },
  {
    key: 'disableContainerInterface',
    config: ({ dataDir }) => ({ ...layer2, ipam: { dataDir }, disableContainerInterface: true }),
    look: (_, { ns }) => mustLink(ns, 'eth0').flags.includes('UP'),
    expected: false,
    undo: inside('link set eth0 up'),
    message: 'the interface eth0 in the container is up, expected down',
  },
  {
    key: 'ipam, where it is empty',
    config: ({ dataDir }) => ({ ...layer2, ipam: { dataDir } }),
    look: (_, { ns }) => [isUp(mustLink(ns, 'eth0')), cidrs(ns, 'eth0')],
    expected: [true, []],
    undo: inside('link set eth0 down'),
    message: 'the interface eth0 in the container is down, expected up',
  },
  ...(
    [
      ['CNI_ARGS MAC', {}],
      ['args.cni.mac', { args: { cni: { mac: '0a:00:00:00:00:43' } } }],
      [
        'runtimeConfig.mac',
        { args: { cni: { mac: '0a:00:00:00:00:43' } }, runtimeConfig: { mac: '0a:00:00:00:00:44' } },
      ],
    ] as const
  ).map(([key, config], at): Row => {
    const mac = `0a:00:00:00:00:4${2 + at}`;
    return {
      key,
      config,
      options: { args: 'MAC=0a:00:00:00:00:42' },
      look: (_, { ns }) => mustLink(ns, 'eth0').address,
      expected: mac,
      undo: inside('link set eth0 address 0a:00:00:00:00:99'),
      message: `the MAC of eth0 in the container is 0a:00:00:00:00:99, expected ${mac}`,
    };
  }),
];

e2e('the key', (artifact) => {
  test.each(ROWS.map((row) => [row.key, row] as const))('%s', (_, row) => {
    using node = createNode();
    const container = node.container();
    row.before?.(node);
    const before = leftovers(node);
    const pods = runtime(
      node,
      artifact,
      network(node, typeof row.config === 'function' ? row.config(node) : row.config),
    );
    succeeded(pods.add(container, row.options));
    expect(row.look(node, container)).toEqual(row.expected);
    succeeded(pods.check(container, row.options));
    row.undo(node, container);
    const error = failed(pods.check(container, row.options));
    expect(error.code).toBe(105);
    expect(error.msg).toMatch(row.message);
    succeeded(pods.del(container, row.options));
    expect(leftovers(node)).toEqual(before);
    expect(link(container.ns, 'eth0')).toBeUndefined();
  });

  test('dns stands instead of what IPAM brought, if it says anything', () => {
    using node = createNode();
    const resolvConf = `${node.directory}/resolv.conf`;
    exec(node.ns, ['/bin/sh', '-c', `echo 'nameserver 10.89.0.53' > ${resolvConf}`]);
    const { ipam, ...config } = network(node);
    const dnsOf = (dns: Config) =>
      succeeded(
        runtime(node, artifact, { ...config, ipam: { ...(ipam as Config), resolvConf }, dns }).add(node.container()),
      ).dns;
    expect(dnsOf({})).toEqual({ nameservers: ['10.89.0.53'] });
    expect(dnsOf({ domain: '', search: null })).toEqual({ nameservers: ['10.89.0.53'] });
    expect(dnsOf({ nameservers: [] })).toBeUndefined();
    expect(dnsOf({ search: ['example.org'] })).toEqual({ search: ['example.org'] });
  });
});
