/** macspoofchk: frames come from a container with its own MAC, or not at all. */

import { expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { reference } from '../support/artifacts.ts';
import { failed, succeeded } from '../support/cni.ts';
import { BROADCAST, frameReceiver, sendFrame } from '../support/frames.ts';
import { leftovers } from '../support/leftovers.ts';
import { exec, ipBatch } from '../support/netns.ts';
import { nftElements, nftRules, nftSnapshot } from '../support/nft.ts';
import { type Container, createNode, type ScratchNode } from '../support/node.ts';
import { type Runtime, runtime } from '../support/runtime.ts';
import { ping } from '../support/traffic.ts';
import { type Config, e2e, eventually, hostVeth, ipam, mustLink, network, V4, V6 } from './support/network.ts';

const OTHER = '0a:00:00:00:00:99';
/** A bridge passes these on to the node alone (IEEE 802.1D), but learns from them; the first in front of every filter. */
const LINK_LOCAL = ['01:80:c2:00:00:0e', '01:80:c2:00:00:03'];
const guarded = (node: ScratchNode, extra: Config = {}) => network(node, { macspoofchk: true, ...extra });

interface Pair {
  readonly pods: Runtime;
  readonly one: Container;
  readonly two: Container;
}

function attached(node: ScratchNode, artifact: Parameters<typeof runtime>[1], extra: Config = {}): Pair {
  const pods = runtime(node, artifact, guarded(node, extra));
  const [one, two] = [node.container(), node.container()];
  for (const container of [one, two]) succeeded(pods.add(container));
  return { pods, one, two };
}

const macOf = ({ ns }: Container, dev = 'eth0') => mustLink(ns, dev).address;
const fdb = (node: ScratchNode) =>
  JSON.parse(exec(node.ns, ['bridge', '-j', 'fdb', 'show', 'br', 'cni0'])) as { mac: string; ifname: string }[];

e2e('a guarded container', (artifact) => {
  test('is heard with its own MAC alone', async () => {
    using node = createNode();
    const { one, two } = attached(node, artifact);
    expect([ping(one.ns, V4.second), ping(one.ns, V6.gateway), ping(two.ns, V4.first)]).toEqual([true, true, true]);
    using receiver = await frameReceiver(two.ns, 'eth0');
    for (const source of [OTHER, macOf(two), BROADCAST.replace('ff', '01')]) sendFrame(one.ns, 'eth0', source);
    sendFrame(one.ns, 'eth0', macOf(one));
    expect(await receiver.sees(macOf(one))).toBe(true);
    expect(receiver.seen()).toEqual([macOf(one)]);
  });

  test('cannot draw the frames of another to itself', async () => {
    using node = createNode();
    const { one, two } = attached(node, artifact);
    const twosPort = hostVeth(node, two).ifname;
    expect(ping(one.ns, V4.second)).toBe(true);
    for (const destination of [BROADCAST, ...LINK_LOCAL]) sendFrame(one.ns, 'eth0', macOf(two), destination);
    const learnt = fdb(node).filter(({ mac }) => mac === macOf(two));
    expect(learnt.map(({ ifname }) => ifname)).toEqual([twosPort]);
    expect(ping(node.ns, V4.second)).toBe(true);
  });

  test('can, where nobody asked for the guard: the test would notice', async () => {
    using node = createNode();
    const { one, two } = attached(node, artifact, { macspoofchk: false });
    for (const destination of [BROADCAST, ...LINK_LOCAL]) {
      // Whatever the other sends of itself meanwhile draws its frames back.
      eventually(() => {
        expect(ping(two.ns, V4.gateway)).toBe(true);
        sendFrame(one.ns, 'eth0', macOf(two), destination);
        const learnt = fdb(node).filter(({ mac }) => mac === macOf(two));
        expect(learnt.map(({ ifname }) => ifname)).toEqual([hostVeth(node, one).ifname]);
      });
    }
    expect(nftSnapshot(node.ns).filter(({ family }) => family === 'bridge')).toEqual([]);
  });

  test('is cut off when it changes its MAC, and others are not', () => {
    using node = createNode();
    const { one, two } = attached(node, artifact);
    const own = macOf(one);
    ipBatch(one.ns, `link set eth0 address ${OTHER}`);
    expect([ping(one.ns, V4.gateway, { timeout: 1 }), ping(one.ns, V6.gateway, { timeout: 1 })]).toEqual([
      false,
      false,
    ]);
    expect([ping(two.ns, V4.gateway), ping(two.ns, V6.gateway)]).toEqual([true, true]);
    ipBatch(one.ns, `link set eth0 address ${own}`);
    expect(ping(one.ns, V4.gateway)).toBe(true);
  });

  test('can have no macvlan that is heard', async () => {
    using node = createNode();
    const { one, two } = attached(node, artifact);
    ipBatch(one.ns, 'link add mv0 link eth0 type macvlan mode bridge\n link set mv0 up');
    using receiver = await frameReceiver(two.ns, 'eth0');
    sendFrame(one.ns, 'mv0', macOf(one, 'mv0'));
    sendFrame(one.ns, 'eth0', macOf(one));
    expect(await receiver.sees(macOf(one))).toBe(true);
    expect(receiver.seen()).toEqual([macOf(one)]);
  });

  test('is held to the MAC that was asked for', () => {
    using node = createNode();
    const pods = runtime(node, artifact, guarded(node));
    const container = node.container();
    succeeded(pods.add(container, { args: `MAC=${OTHER}` }));
    expect([macOf(container), ping(container.ns, V4.gateway)]).toEqual([OTHER, true]);
    succeeded(pods.check(container, { args: `MAC=${OTHER}` }));
    succeeded(pods.del(container));
    expect(nftElements(node.ns)).toEqual([]);
  });

  test('needs no address', async () => {
    using node = createNode();
    const layer2 = { ipam: { dataDir: node.dataDir }, isDefaultGateway: false, ipMasq: false };
    const { one, two } = attached(node, artifact, layer2);
    using receiver = await frameReceiver(two.ns, 'eth0');
    for (const source of [OTHER, macOf(one)]) sendFrame(one.ns, 'eth0', source);
    expect(await receiver.sees(macOf(one))).toBe(true);
    expect(receiver.seen()).toEqual([macOf(one)]);
  });
});

e2e('the guard', (artifact) => {
  test('costs no rule a container, and lies in a table of its own', () => {
    using node = createNode();
    const pods = runtime(node, artifact, guarded(node));
    for (let count = 0; count < 3; count++) succeeded(pods.add(node.container()));
    expect(nftSnapshot(node.ns).filter(({ kind, family }) => kind === 'rule' && family === 'bridge')).toHaveLength(3);
    expect(nftElements(node.ns, 'ports')).toHaveLength(3);
  });

  test('goes with DEL, alone', () => {
    using node = createNode();
    const { pods, one, two } = attached(node, artifact);
    const port = hostVeth(node, two).ifname;
    succeeded(pods.del(one));
    expect(nftElements(node.ns, 'ports').map(({ value }) => value)).toEqual([port]);
    expect(nftElements(node.ns, 'macs').map(({ value }) => value)).toEqual([`${port} . ${macOf(two)}`]);
    succeeded(pods.check(two));
    succeeded(pods.del(two));
    expect(nftElements(node.ns)).toEqual([]);
  });

  test.each(['ports', 'macs'])('goes with DEL where its record, or its element of %s, is lost', (set) => {
    using node = createNode();
    const { pods, one, two } = attached(node, artifact);
    rmSync(join(node.dataDir, '.trestle/pods', `${one.id}:eth0`));
    exec(node.ns, ['nft', 'flush', 'set', 'bridge', 'trestle', set]);
    for (const container of [one, two]) succeeded(pods.del(container));
    expect(nftElements(node.ns)).toEqual([]);
  });

  test('goes with DEL where the configuration does not ask for it any more', () => {
    using node = createNode();
    const { pods, one } = attached(node, artifact);
    succeeded(pods.del(one, { config: network(node) }));
    expect(nftElements(node.ns, 'ports')).toHaveLength(1);
  });

  test('of an ADD that fails does not stay', () => {
    using node = createNode();
    const pods = runtime(node, artifact, guarded(node));
    succeeded(pods.add(node.container()));
    const before = leftovers(node);
    const config = guarded(node, {
      ipam: ipam(node, [V4.subnet, V6.subnet], { routes: [{ dst: '9.9.9.9/32', gw: '8.8.8.8' }] }),
    });
    failed(pods.add(node.container(), { config }));
    expect(leftovers(node)).toEqual(before);
  });

  const broken: [string, string[], RegExp][] = [
    ['its port', ['flush', 'set', 'bridge', 'trestle', 'ports'], /not held to the MAC.*set ports.*not there/],
    ['its MAC', ['flush', 'set', 'bridge', 'trestle', 'macs'], /not held to the MAC.*set macs.*not there/],
    [
      'the entrance',
      ['flush', 'chain', 'bridge', 'trestle', 'prerouting'],
      /not held to the MAC.*chain prerouting leads/,
    ],
    ['the rule', ['flush', 'chain', 'bridge', 'trestle', 'guard'], /not held to the MAC.*chain guard has no rule/],
    ['the table', ['delete', 'table', 'bridge', 'trestle'], /not held to the MAC.*set ports.*not there/],
  ];
  test.each(broken)('is missed by CHECK without %s, and restored by the next ADD', (_, command, message) => {
    using node = createNode();
    const { pods, one, two } = attached(node, artifact);
    for (const container of [one, two]) succeeded(pods.check(container));
    exec(node.ns, ['nft', ...command]);
    expect(failed(pods.check(one))).toMatchObject({ code: 105, msg: expect.stringMatching(message) });
    succeeded(pods.add(node.container()));
    for (const container of [one, two]) succeeded(pods.check(container));
    succeeded(pods.add(node.container()));
    expect(nftRules(node.ns)).toHaveLength(7);
  });

  test('is missed by CHECK where the bridge learns from what no filter sees', () => {
    using node = createNode();
    const { pods, one } = attached(node, artifact);
    ipBatch(node.ns, 'link set cni0 type bridge no_linklocal_learn 0');
    expect(failed(pods.check(one))).toMatchObject({ code: 105, msg: expect.stringMatching(/cni0 learns MACs/) });
    succeeded(pods.add(node.container()));
    succeeded(pods.check(one));
  });

  test('is not asked for by a CHECK of the network without the key', () => {
    using node = createNode();
    const { pods, one } = attached(node, artifact);
    exec(node.ns, ['nft', 'delete', 'table', 'bridge', 'trestle']);
    succeeded(pods.check(one, { config: network(node) }));
  });

  test('can be had, says STATUS', () => {
    using node = createNode();
    const before = nftSnapshot(node.ns);
    succeeded(runtime(node, artifact, guarded(node)).status());
    expect(nftSnapshot(node.ns)).toEqual(before);
  });
});

e2e('a container that the reference plugin guarded', (artifact) => {
  test('leaves nothing of it when it is deleted here, and others keep theirs', () => {
    using node = createNode();
    const config = guarded(node, { ipMasq: false, ipam: ipam(node, [V4.subnet], { type: 'host-local' }) });
    const theirs = runtime(node, reference('bridge'), { ...config, cniVersion: '1.0.0', type: 'bridge' });
    const [kept, gone] = [node.container(), node.container()];
    succeeded(theirs.add(kept));
    const only = nftSnapshot(node.ns);
    succeeded(theirs.add(gone));
    expect(nftSnapshot(node.ns)).not.toEqual(only);
    succeeded(runtime(node, artifact, config).del(gone));
    expect(nftSnapshot(node.ns)).toEqual(only);
    expect(ping(kept.ns, V4.gateway)).toBe(true);
  });

  test('of a version with a table of its own, likewise', () => {
    using node = createNode();
    const { id, netnsPath } = node.container();
    const [entrance, chain, comment] = ['prerouting', `cni-br-iface-${id}-eth0`, `macspoofchk-${id}-eth0`];
    exec(node.ns, ['nft', '-f', '-'], {
      stdin: `table bridge cni_spoofcheck {
        chain ${entrance} { type filter hook prerouting priority -300; }
        chain ${chain}-mac { }
        chain ${chain} { jump ${chain}-mac comment "${comment}"
        }
      }\n`,
    });
    const empty = nftSnapshot(node.ns).filter(({ kind, name }) => kind === 'table' || name === entrance);
    exec(node.ns, [
      'nft',
      `add rule bridge cni_spoofcheck ${entrance} iifname "veth1" jump ${chain} comment "${comment}"`,
    ]);
    succeeded(runtime(node, artifact, guarded(node)).del({ id, netnsPath }));
    expect(nftSnapshot(node.ns)).toEqual(empty);
  });
});
