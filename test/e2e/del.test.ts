/** DEL: whatever a runtime knows or has lost meanwhile, it succeeds and leaves nothing. */

import { expect, test } from 'bun:test';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CniResult, failed, succeeded } from '../support/cni.ts';
import { FLAVOURS, iptables, savedRules } from '../support/iptables.ts';
import { link } from '../support/kernel.ts';
import { leftovers } from '../support/leftovers.ts';
import { exec } from '../support/netns.ts';
import { nftSnapshot } from '../support/nft.ts';
import { type Container, createNode, type ScratchNode } from '../support/node.ts';
import { type CallOptions, type Runtime, runtime } from '../support/runtime.ts';
import { e2e, footprint, hostVeth, ipam, network } from './support/network.ts';

/** What happened between ADD and DEL, and what the DEL is told. */
type Case = readonly [what: string, options: (container: Container) => CallOptions, meanwhile?: Meanwhile];
type Meanwhile = (node: ScratchNode, container: Container, pods: Runtime) => void;

const plain = (): CallOptions => ({});
const told = (prevResult: unknown) => (): CallOptions => ({ prevResult: prevResult as CniResult });

const CALLS: Case[] = [
  ['with all that ADD was told', plain],
  ['a second time', plain, (_, container, pods) => void succeeded(pods.del(container))],
  ['with an empty CNI_NETNS', () => ({ env: { CNI_NETNS: '' } })],
  ['without CNI_NETNS', () => ({ env: { CNI_NETNS: undefined } })],
  ['without prevResult', told(null)],
  ['without prevResult and CNI_NETNS', () => ({ prevResult: null, env: { CNI_NETNS: '' } })],
  ['with a prevResult that is text', told('nonsense')],
  ['with a prevResult of wrong types', told({ cniVersion: '1.1.0', ips: [{ address: 7 }], interfaces: 'x' })],
  ['with a prevResult without content', told({ cniVersion: '1.1.0' })],
  ['with malformed CNI_ARGS', () => ({ args: '=;=;IP=nonsense' })],
  ['without CNI_PATH', () => ({ env: { CNI_PATH: undefined } })],
  ['with a netns path that is a file', () => ({ env: { CNI_NETNS: '/etc/passwd' } })],
  ['with a netns path that leads through a file', () => ({ env: { CNI_NETNS: '/etc/passwd/netns' } })],
  ['with the netns of the node', () => ({ env: { CNI_NETNS: '/proc/self/ns/net' } })],
];

const LOSSES: Case[] = [
  ['the namespace', plain, (_, { ns }) => ns.delete()],
  ['the namespace, and CNI_NETNS is empty', () => ({ env: { CNI_NETNS: '' } }), (_, { ns }) => ns.delete()],
  ['the namespace, and prevResult is missing', told(null), (_, { ns }) => ns.delete()],
  ['the interface', plain, (_, { ns }) => void exec(ns, ['ip', 'link', 'delete', 'eth0'])],
  ['the bridge', plain, ({ ns }) => void exec(ns, ['ip', 'link', 'delete', 'cni0'])],
  ['the place on the bridge', plain, unplug],
  ['the ruleset', plain, ({ ns }) => void exec(ns, ['nft', 'flush', 'ruleset'])],
  ['the lease of one address', plain, ({ dataDir }) => rmSync(join(dataDir, 'pods/10.89.0.2'))],
  ['its record', plain, (node, container) => rmSync(record(node, container))],
  ['its record, and the namespace', plain, loseRecordAndNamespace],
  ['the content of its record', plain, (node, container) => writeFileSync(record(node, container), '{"version":')],
  ['its record, and prevResult', told(null), (node, container) => rmSync(record(node, container))],
  [
    'the content of its record, and prevResult',
    told(null),
    (node, container) => writeFileSync(record(node, container), ''),
  ],
  ['the whole data directory', plain, ({ dataDir }) => rmSync(dataDir, { recursive: true })],
];

function record({ dataDir }: ScratchNode, { id }: Container): string {
  return join(dataDir, '.trestle/pods', `${id}:eth0`);
}

function unplug(node: ScratchNode, container: Container): void {
  exec(node.ns, ['ip', 'link', 'set', hostVeth(node, container).ifname, 'nomaster']);
}

function loseRecordAndNamespace(node: ScratchNode, container: Container): void {
  rmSync(record(node, container));
  container.ns.delete();
}

e2e('DEL leaves nothing', (artifact) => {
  const run = (options: Case[1], meanwhile: Case[2], pods: Runtime, node: ScratchNode) => {
    const container = node.container();
    const before = leftovers(node);
    succeeded(pods.add(container));
    expect(leftovers(node)).not.toEqual(before);
    meanwhile?.(node, container, pods);
    const outcome = pods.del(container, options(container));
    succeeded(outcome);
    expect(outcome.stdout).toBe('');
    expect(leftovers(node)).toEqual(before);
  };

  const cases = [...CALLS, ...LOSSES.map(([what, ...rest]): Case => [`after the loss of ${what}`, ...rest])];
  for (const [what, options, meanwhile] of cases) {
    test(what, () => {
      using node = createNode();
      run(options, meanwhile, runtime(node, artifact, network(node)), node);
    });
  }

  test.each(['0.1.0', '0.3.1', '0.4.0', '1.0.0'])('in cniVersion %s', (cniVersion) => {
    using node = createNode();
    run(plain, undefined, runtime(node, artifact, network(node, { cniVersion })), node);
  });

  test('with a configuration that has changed since', () => {
    using node = createNode();
    const container = node.container();
    const before = leftovers(node);
    const pods = runtime(node, artifact, network(node));
    succeeded(pods.add(container));
    const changed = { ipMasq: false, bridge: 'cni7', ipam: ipam(node, ['192.0.2.0/24']), mtu: 1300 };
    succeeded(pods.del(container, { config: network(node, changed), prevResult: null }));
    expect(leftovers(node)).toEqual(before);
  });

  test('with a configuration that no ADD would take', () => {
    using node = createNode();
    const container = node.container();
    const before = leftovers(node);
    const pods = runtime(node, artifact, network(node));
    succeeded(pods.add(container));
    const impossible = { hairpinMode: true, promiscMode: true, ipam: ipam(node, ['10.89.0.0/32']) };
    succeeded(pods.del(container, { config: network(node, impossible) }));
    expect(leftovers(node)).toEqual(before);
  });
});

e2e('the last DEL', (artifact) => {
  test.each(['nftables', 'iptables'])('takes what 15 networks shared in the packet filter: %s', (ipMasqBackend) => {
    using node = createNode();
    for (const flavour of FLAVOURS) iptables(node.ns, flavour, '-P', 'FORWARD', 'DROP');
    const before = rulesOf(node);
    const nets = Array.from({ length: 15 }, (_, at) => {
      const section = ipam(node, [`10.${at}.0.0/24`, `fd00:${at}::/64`]);
      const own = { name: `net${at}`, bridge: `br${at}`, ipam: section };
      return runtime(node, artifact, network(node, { ...own, ipMasqBackend, macspoofchk: true }));
    });
    const containers = nets.map((pods) => {
      const container = node.container();
      succeeded(pods.add(container));
      return container;
    });
    for (const [at, pods] of nets.entries()) succeeded(pods.del(containers[at] as Container));
    expect(rulesOf(node)).toEqual(before);
  });
});

/** Tables, chains, sets and rules of ours; of iptables' own tables only what is not built in. */
function rulesOf({ ns }: ScratchNode): unknown {
  const tables = (['nat', 'filter'] as const).flatMap((table) =>
    FLAVOURS.flatMap((flavour) => ([4, 6] as const).flatMap((family) => savedRules(ns, flavour, family, table))),
  );
  return { tables, ours: nftSnapshot(ns).filter(({ table }) => table === 'trestle') };
}

e2e('DEL', (artifact) => {
  test('of a container that was never added, on a node that has nothing yet', () => {
    using node = createNode();
    const container = node.container();
    const before = [leftovers(node), footprint(node)];
    succeeded(runtime(node, artifact, network(node)).del(container));
    expect([leftovers(node), footprint(node)]).toEqual(before);
  });

  test('after a failed ADD, which may have been the first thing on the node', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const container = node.container();
    const before = leftovers(node);
    failed(pods.add(container, { args: 'IP=192.0.2.1' }));
    failed(pods.add(container, { env: { CNI_NETNS: '/run/netns/nothere' } }));
    succeeded(pods.del(container));
    expect(leftovers(node)).toEqual(before);
  });

  test('then ADD again, twice over', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const container = node.container();
    for (let round = 0; round < 2; round++) {
      succeeded(pods.add(container));
      succeeded(pods.check(container));
      succeeded(pods.del(container));
    }
    expect(link(container.ns, 'eth0')).toBeUndefined();
  });

  test('goes on where the leases cannot be released, and says so', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const container = node.container();
    succeeded(pods.add(container));
    const lock = join(node.dataDir, 'pods/lock');
    rmSync(lock);
    mkdirSync(lock);
    const error = failed(pods.del(container));
    expect(error.code).toBe(5);
    expect(error.msg).toContain(lock);
    expect(leftovers(node)).toMatchObject({ links: ['lo'], elements: [], containers: {} });
    rmSync(lock, { recursive: true });
    succeeded(pods.del(container));
    expect(leftovers(node).files).toEqual({});
  });

  test('goes on where a file stands in the place of the data directory', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const container = node.container();
    succeeded(pods.add(container));
    rmSync(node.dataDir, { recursive: true });
    writeFileSync(node.dataDir, '');
    pods.del(container);
    rmSync(node.dataDir);
    expect(leftovers(node)).toMatchObject({ links: ['lo'], elements: [], containers: {} });
  });
});
