/** A scratch "node": a namespace of its own that plays the machine, a directory of its own, and its containers. */

import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createNetns, exec, ipBatch, type Netns } from './netns.ts';
import { scratchDirectory } from './scratch.ts';

/** Documentation addresses (RFC 5737, RFC 3849) of the link between node and outside. */
export const NODE_ADDRESS = { 4: '203.0.113.2', 6: '2001:db8:ffff::2' } as const;
export const OUTSIDE_ADDRESS = { 4: '203.0.113.1', 6: '2001:db8:ffff::1' } as const;

export interface Container {
  /** CNI_CONTAINERID: 64 hexadecimal digits, as containerd makes them. */
  readonly id: string;
  readonly ns: Netns;
  /** CNI_NETNS. */
  readonly netnsPath: string;
}

export interface NodeOptions {
  /** Adds the "outside" namespace, with the node's default route through it. */
  readonly outside?: boolean;
  /** MTU of the link to the outside. Default 1500. */
  readonly uplinkMtu?: number;
  /** Subnets the outside knows a way back to. Default none, so that only masqueraded traffic is answered. */
  readonly routesBack?: readonly string[];
}

export interface ScratchNode extends Disposable {
  readonly ns: Netns;
  /** The namespace that plays the internet. Reading it on a node made without `outside` throws. */
  readonly outside: Netns;
  readonly directory: string;
  /** For `ipam.dataDir`; it does not exist yet. */
  readonly dataDir: string;
  /** The directory that `writeConf` writes to. */
  readonly confDir: string;
  readonly containers: readonly Container[];
  /** Another container: an empty namespace with lo down, as a runtime hands it over. */
  container(): Container;
  /** Writes a network configuration for runtimes that read them from files, and returns its path. */
  writeConf(file: string, config: unknown): string;
  /** Removes namespaces, directory and whatever runs inside. Idempotent. */
  delete(): void;
}

/** Makes a node. Hold it with `using node = createNode()`, or delete() it in afterEach or afterAll. */
export function createNode(options: NodeOptions = {}): ScratchNode {
  const owned: Netns[] = [createNetns()];
  const containers: Container[] = [];
  const directory = scratchDirectory();
  const confDir = join(directory, 'net.d');
  const node: ScratchNode = {
    ns: owned[0] as Netns,
    get outside() {
      if (!options.outside) throw new Error('this node was made without an outside: createNode({ outside: true })');
      return owned[1] as Netns;
    },
    directory,
    dataDir: join(directory, 'networks'),
    confDir,
    containers,
    container() {
      const ns = own(owned, createNetns());
      const container = { id: randomBytes(32).toString('hex'), ns, netnsPath: ns.path };
      containers.push(container);
      return container;
    },
    writeConf: (file, config) => writeConf(confDir, file, config),
    delete: () => removeAll(owned, directory),
    [Symbol.dispose]: () => node.delete(),
  };
  return orDelete(node, () => {
    exec(node.ns, ['ip', 'link', 'set', 'lo', 'up']);
    if (options.outside) connect(node.ns, own(owned, createNetns()), options);
  });
}

function own(owned: Netns[], ns: Netns): Netns {
  owned.push(ns);
  return ns;
}

/** The link between node and outside, both ends called eth0. No duplicate address detection, so nobody has to wait. */
function connect(node: Netns, outside: Netns, options: NodeOptions): void {
  const mtu = options.uplinkMtu ?? 1500;
  ipBatch(node, `link add eth0 mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${outside.name}`);
  for (const ns of [node, outside]) exec(ns, ['sh', '-c', 'echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad']);
  ipBatch(outside, `link set lo up\n ${up(OUTSIDE_ADDRESS)}`);
  ipBatch(node, `${up(NODE_ADDRESS)}\n ${routes('default', OUTSIDE_ADDRESS)}`);
  for (const subnet of options.routesBack ?? []) ipBatch(outside, routes(subnet, NODE_ADDRESS));
}

function up(addresses: Record<4 | 6, string>): string {
  return `link set eth0 up
    address add ${addresses[4]}/24 dev eth0
    address add ${addresses[6]}/64 dev eth0 nodad`;
}

/** One route, or for `default` one a family, which `ip` tells by the gateway. */
function routes(to: string, via: Record<4 | 6, string>): string {
  const v4 = `route add ${to} via ${via[4]}`;
  const v6 = `route add ${to} via ${via[6]}`;
  if (to === 'default') return `${v4}\n${v6}`;
  return to.includes(':') ? v6 : v4;
}

function writeConf(directory: string, file: string, config: unknown): string {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, file);
  writeFileSync(path, JSON.stringify(config, undefined, 2));
  return path;
}

/** Containers first, the node last. */
function removeAll(owned: Netns[], directory: string): void {
  for (const ns of owned.toReversed()) ns.delete();
  rmSync(directory, { recursive: true, force: true });
}

function orDelete(node: ScratchNode, setUp: () => void): ScratchNode {
  try {
    setUp();
    return node;
  } catch (error) {
    node.delete();
    throw error;
  }
}
