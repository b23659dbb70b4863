/** ADD that fails, at each step: one error that says why, and nothing is left. */

import { expect, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { Artifact } from '../support/artifacts.ts';
import { failed, succeeded } from '../support/cni.ts';
import { setSysctl } from '../support/kernel.ts';
import { leftovers } from '../support/leftovers.ts';
import { exec, ipBatch } from '../support/netns.ts';
import { type Container, createNode, type ScratchNode } from '../support/node.ts';
import { type CallOptions, runtime } from '../support/runtime.ts';
import { ping } from '../support/traffic.ts';
import { withMounts, withoutWritableProc } from './support/mounts.ts';
import { type Config, e2e, footprint, hostVeth, ipam, network, stopForwarding, V4, V6 } from './support/network.ts';

interface Failure {
  readonly what: string;
  readonly code: number;
  readonly message: RegExp;
  /** What stands in the way. */
  readonly prepare?: (node: ScratchNode, container: Container, artifact: Artifact) => void;
  /** What the ADD is told. */
  readonly options?: (node: ScratchNode) => CallOptions;
  readonly config?: (node: ScratchNode) => Config;
  readonly plugin?: (node: ScratchNode, artifact: Artifact) => Artifact;
}

const onNode = (commands: string) => (node: ScratchNode) => ipBatch(node.ns, commands);
const netns = (path: string) => () => ({ env: { CNI_NETNS: path } });

const bridgeInUse = (address: string) =>
  onNode(`link add cni0 type bridge
    address add ${address} dev cni0
    link add port type veth peer name other
    link set port master cni0`);

const PLACES: Failure[] = [
  { what: 'no such netns', code: 4, message: /\/run\/netns\/nothere/, options: netns('/run/netns/nothere') },
  { what: 'the netns is a regular file', code: 4, message: /\/etc\/passwd/, options: netns('/etc/passwd') },
  { what: 'the netns is a directory', code: 4, message: /\/etc\b/, options: netns('/etc') },
  { what: 'a namespace of another kind', code: 4, message: /\/ns\/mnt/, options: netns('/proc/self/ns/mnt') },
  { what: 'the own netns of the node', code: 4, message: /\/ns\/net/, options: netns('/proc/self/ns/net') },
  { what: 'the own netns of the node, by name', code: 4, message: /trt-/, options: ({ ns }) => netns(ns.path)() },
  {
    what: 'the interface name is taken in the container',
    code: 102,
    message: /eth0/,
    prepare: (_, { ns }) => ipBatch(ns, 'link add eth0 type veth peer name other'),
  },
  { what: 'the interface name is lo', code: 102, message: /\blo\b/, options: () => ({ ifName: 'lo' }) },
  {
    what: 'the name of the bridge belongs to a veth',
    code: 102,
    message: /cni0.*veth.*not a bridge/,
    prepare: onNode('link add cni0 type veth peer name other'),
  },
  {
    what: 'the name of the bridge belongs to lo',
    code: 102,
    message: /\blo\b.*not a bridge/,
    config: (node) => network(node, { bridge: 'lo' }),
  },
];

const oneAddress = { subnet: V4.subnet, rangeStart: V4.first, rangeEnd: V4.first };

function attachAnother(node: ScratchNode, _: Container, artifact: Artifact): void {
  succeeded(runtime(node, artifact, network(node, { ipam: ipam(node, [oneAddress]) })).add(node.container()));
}

function fileForDataDir({ dataDir, directory }: ScratchNode): void {
  expect(dataDir.startsWith(directory)).toBe(true);
  writeFileSync(`${directory}/file`, '');
}

function readOnly(node: ScratchNode, artifact: Artifact): Artifact {
  mkdirSync(node.dataDir, { recursive: true });
  return withMounts(node, artifact, [`mount -t tmpfs -o ro,mode=700 tmpfs ${node.dataDir}`]);
}

const ADDRESSES: Failure[] = [
  {
    what: 'the range is full',
    code: 103,
    message: /10\.89\.0\.2.*exhausted/,
    prepare: attachAnother,
    config: (node) => network(node, { ipam: ipam(node, [oneAddress]) }),
  },
  {
    what: 'the second of two ranges is full',
    code: 103,
    message: /10\.89\.0\.2.*exhausted/,
    prepare: attachAnother,
    config: (node) => network(node, { ipam: ipam(node, [V6.subnet, oneAddress]) }),
  },
  { what: 'the data directory is read-only', code: 5, message: /networks.*(EROFS|read-only)/i, plugin: readOnly },
  {
    what: 'the data directory is a file',
    code: 5,
    message: /\/file/,
    prepare: fileForDataDir,
    config: (node) => network(node, { ipam: ipam({ dataDir: `${node.directory}/file` }, [V4.subnet]) }),
  },
  {
    what: 'resolvConf is not there',
    code: 5,
    message: /\/nowhere\/resolv\.conf/,
    config: (node) => network(node, { ipam: ipam(node, [V4.subnet], { resolvConf: '/nowhere/resolv.conf' }) }),
  },
  {
    what: 'the bridge, which is in use, has another IPv4 address',
    code: 102,
    message: /10\.89\.0\.1\/24.*10\.77\.0\.1\/16/,
    prepare: bridgeInUse('10.77.0.1/16'),
  },
  {
    what: 'the bridge, which is in use, has an IPv6 address that overlaps',
    code: 102,
    message: /fd00:89::1\/64.*fd00:89::77\/48/,
    prepare: bridgeInUse('fd00:89::77/48'),
  },
  {
    what: 'the gateway of a route is unreachable',
    code: 7,
    message: /192\.0\.2\.0\/24.*198\.51\.100\.1/,
    config: (node) =>
      network(node, { ipam: ipam(node, [V4.subnet], { routes: [{ dst: '192.0.2.0/24', gw: '198.51.100.1' }] }) }),
  },
];

/** A set of that name that holds something else. */
function spoilSet({ ns }: ScratchNode): void {
  const set = 'add set inet trestle masq-pods-fd00_89__/64 { type ipv4_addr; }';
  exec(ns, ['nft', '-f', '-'], { stdin: `add table inet trestle\n${set}\n` });
}

const LAST: Failure[] = [
  { what: 'the packet filter refuses the second of two addresses', code: 101, message: /masq-pods/, prepare: spoilSet },
  {
    what: 'IPv6 of the bridge cannot be turned on',
    code: 5,
    message: /\/proc\/sys\/net\/ipv6\/conf\/cni0\/disable_ipv6/,
    prepare: ({ ns }) => setSysctl(ns, 'net/ipv6/conf/default/disable_ipv6', 1),
    plugin: withoutWritableProc,
  },
  {
    what: 'forwarding cannot be turned on',
    code: 5,
    message: /\/proc\/sys\/net\/ipv4\/ip_forward/,
    prepare: ({ ns }, container) => {
      stopForwarding(ns);
      setSysctl(container.ns, 'net/ipv6/conf/default/accept_ra', 0);
    },
    plugin: withoutWritableProc,
  },
];

e2e('ADD leaves nothing when', (artifact) => {
  for (const { what, code, message, prepare, options, config = network, plugin } of [
    ...PLACES,
    ...ADDRESSES,
    ...LAST,
  ]) {
    test(what, () => {
      using node = createNode();
      const container = node.container();
      prepare?.(node, container, artifact);
      const before = leftovers(node);
      const pods = runtime(node, plugin?.(node, artifact) ?? artifact, config(node));
      const error = failed(pods.add(container, options?.(node)));
      expect(error.msg).toMatch(message);
      expect(error.code).toBe(code);
      expect(leftovers(node)).toEqual(before);
    });
  }

  test("a link has the name of the node's end already", () => {
    using node = createNode();
    const container = node.container();
    const pods = runtime(node, artifact, network(node));
    succeeded(pods.add(container));
    const { ifname } = hostVeth(node, container);
    succeeded(pods.del(container));
    ipBatch(node.ns, `link add ${ifname} type bridge`);
    const before = [leftovers(node), footprint(node)];
    const error = failed(pods.add(container));
    expect(error.code).toBe(102);
    expect(error.msg).toContain(ifname);
    expect([leftovers(node), footprint(node)]).toEqual(before);
  });

  test('the container is attached already, which goes on working', () => {
    using node = createNode();
    const container = node.container();
    const pods = runtime(node, artifact, network(node));
    succeeded(pods.add(container));
    const before = [leftovers(node), footprint(node)];
    const error = failed(pods.add(container));
    expect(error.code).toBe(102);
    expect(error.msg).toContain('eth0');
    expect([leftovers(node), footprint(node)]).toEqual(before);
    for (const { gateway } of [V4, V6]) expect(ping(container.ns, gateway)).toBe(true);
    succeeded(pods.del(container));
    succeeded(pods.add(container));
  });
});
