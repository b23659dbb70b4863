/** Somebody flushes the packet filter: CHECK tells, and the next ADD brings back what all live attachments need. */

import { expect, test } from 'bun:test';
import { failed, succeeded } from '../support/cni.ts';
import { sendFrame } from '../support/frames.ts';
import { exec } from '../support/netns.ts';
import { nftElements, nftRules, nftSnapshot } from '../support/nft.ts';
import { type Container, createNode, NODE_ADDRESS, OUTSIDE_ADDRESS, type ScratchNode } from '../support/node.ts';
import { type Runtime, runtime } from '../support/runtime.ts';
import { ping, seenFrom, sourceServer } from '../support/traffic.ts';
import { type Config, e2e, hostVeth, ipam, loseNamespace, network, V4, V6 } from './support/network.ts';

/** Another program's table in place of all others. firewalld itself leaves our table: test/interop/firewalld.test.ts. */
const FIREWALLD = `flush ruleset
table inet firewalld {
  chain filter_FORWARD { type filter hook forward priority filter + 10; policy accept; ct state { established, related } accept
  }
  chain nat_POSTROUTING { type nat hook postrouting priority srcnat + 10; policy accept; }
}`;
const SET_4 = 'inet trestle masq-pods-10.89.0.0/24';
const SET_6 = 'inet trestle masq-pods-fd00_89__/64';

/** How it is done, and what CHECK says of it. */
const FLUSHES: [string, string, RegExp][] = [
  ['nft flush ruleset', 'flush ruleset', /frames from veth\w+ are not held to the MAC .*not there/],
  ['a flush by a firewall that comes back', FIREWALLD, /frames from veth\w+ are not held to the MAC .*not there/],
  ['the table deleted', 'delete table inet trestle', /10\.89\.0\.2 is not masqueraded: .*not there/],
  [
    'the chain flushed',
    'flush chain inet trestle postrouting',
    /10\.89\.0\.2 is not masqueraded: no rule of the nftables chain postrouting leads to/,
  ],
  [
    'the rule gone where it leads to',
    `flush chain ${SET_6}`,
    /fd00:89::2 is not masqueraded: the nftables chain masq-pods-fd00_89__\/64 has no rule/,
  ],
  ['a set flushed', `flush set ${SET_4}`, /10\.89\.0\.2 is not masqueraded: expected in the nftables set masq-pods-10/],
  [
    'the other set flushed',
    `flush set ${SET_6}`,
    /fd00:89::2 is not masqueraded: expected in the nftables set masq-pods-f/,
  ],
];

const both = (node: ScratchNode, extra: Config = {}) => network(node, { macspoofchk: true, ...extra });
const load = ({ ns }: ScratchNode, text: string) => exec(ns, ['nft', '-f', '-'], { stdin: `${text}\n` });
const elements = ({ ns }: ScratchNode) =>
  nftElements(ns)
    .map(({ set, value, comment }) => `${set} ${value} ${comment}`)
    .sort();
const rules = ({ ns }: ScratchNode) => nftRules(ns, 'trestle').sort();

function attached(node: ScratchNode, pods: Runtime, count: number): Container[] {
  const containers = Array.from({ length: count }, () => node.container());
  for (const container of containers) succeeded(pods.add(container));
  return containers;
}

e2e('after', (artifact) => {
  test.each(FLUSHES)('%s', async (_, text, message) => {
    using node = createNode({ outside: true });
    const pods = runtime(node, artifact, both(node));
    const live = attached(node, pods, 2);
    const whole = { elements: elements(node), rules: rules(node) };
    for (const container of live) succeeded(pods.check(container));
    expect(pods.status()).toMatchObject({ status: 0, stderr: '' });
    load(node, text);
    expect(failed(pods.check(live[0] as Container))).toMatchObject({ code: 105, msg: expect.stringMatching(message) });
    // It names one of the two.
    const ofEither = new RegExp(message.source.replace(/^(10\\\.89\\\.0\\\.|fd00:89::)2/, '$1[23]'));
    expect(pods.status()).toMatchObject({ status: 0, stderr: expect.stringMatching(ofEither) });

    const next = node.container();
    succeeded(pods.add(next));
    expect(pods.status()).toMatchObject({ status: 0, stderr: '' });
    for (const container of [...live, next]) succeeded(pods.check(container));
    succeeded(pods.del(next));
    expect({ elements: elements(node), rules: rules(node) }).toEqual(whole);
    using server = await sourceServer(node.outside);
    for (const family of [4, 6] as const) {
      const target = { address: OUTSIDE_ADDRESS[family], port: server.port };
      for (const { ns } of live) expect(seenFrom(ns, target)).toBe(NODE_ADDRESS[family]);
    }
  });

  test('a flush, what was deleted or has died meanwhile does not come back', () => {
    using node = createNode();
    const pods = runtime(node, artifact, both(node));
    const [live, deleted, dead] = attached(node, pods, 3) as [Container, Container, Container];
    load(node, 'flush ruleset');
    succeeded(pods.del(deleted));
    loseNamespace(node, dead);
    succeeded(pods.add(node.container()));
    const owners = new Set(nftElements(node.ns).map(({ comment }) => comment?.replace(/^pods@[0-9a-f]{8}/, 'pods')));
    expect([owners.has(`pods/${live.id}/eth0`), owners.size]).toEqual([true, 2]);
    succeeded(pods.check(live));
  });

  test('a flush, each network comes back with its own next ADD, and is held to its MACs again', () => {
    using node = createNode();
    const other = { name: 'other', bridge: 'cni1', ipam: ipam(node, ['10.90.0.0/24', 'fd00:90::/64']) };
    const networks = [{}, other].map((extra) => runtime(node, artifact, both(node, extra)));
    const [first, second] = networks.map((pods) => attached(node, pods, 1)[0]) as [Container, Container];
    const [pods, others] = networks as [Runtime, Runtime];
    load(node, 'flush ruleset');
    succeeded(pods.add(node.container()));
    succeeded(pods.check(first));
    expect(failed(others.check(second)).code).toBe(105);
    succeeded(others.add(node.container()));
    for (const [call, container] of [
      [pods, first],
      [others, second],
    ] as const)
      succeeded(call.check(container));
    sendFrame(second.ns, 'eth0', '0a:00:00:00:00:99');
    const learnt = exec(node.ns, ['bridge', 'fdb', 'show', 'dev', hostVeth(node, second).ifname]);
    expect(learnt).not.toContain('0a:00:00:00:00:99');
  });

  test('many attachments come back at once', () => {
    using node = createNode();
    const pods = runtime(node, artifact, both(node));
    attached(node, pods, 12);
    const before = elements(node);
    load(node, 'flush ruleset');
    const next = node.container();
    succeeded(pods.add(next));
    succeeded(pods.del(next));
    expect(elements(node)).toEqual(before);
  });

  test('a flush, DEL and GC have nothing to complain of', () => {
    using node = createNode();
    const pods = runtime(node, artifact, both(node));
    const [one] = attached(node, pods, 2) as [Container, Container];
    load(node, 'flush ruleset');
    succeeded(pods.del(one));
    succeeded(pods.gc([]));
    expect(nftSnapshot(node.ns)).toEqual([]);
  });

  test('a flush while nobody adds anything, what is attached still works on the bridge', () => {
    using node = createNode();
    const pods = runtime(node, artifact, both(node));
    const [one] = attached(node, pods, 2) as [Container, Container];
    load(node, 'flush ruleset');
    expect([ping(one.ns, V4.second), ping(one.ns, V6.gateway)]).toEqual([true, true]);
  });
});

e2e('a ruleset that nft wrote', (artifact) => {
  test.each([61, 200])(
    'is loaded again with the longest names, and all is as it was: a network of %d characters',
    (length) => {
      using node = createNode();
      const name = `n${'0'.repeat(length - 1)}`;
      const pods = runtime(node, artifact, both(node, { name, ipam: ipam(node, ['10.89.0.0/20', V6.subnet]) }));
      const [container] = attached(node, pods, 2) as [Container];
      const whole = elements(node);
      load(node, `flush ruleset\n${exec(node.ns, ['nft', 'list', 'ruleset'])}`);
      expect(elements(node)).toEqual(whole);
      succeeded(pods.check(container));
      succeeded(pods.gc([]));
      expect(elements(node)).toEqual([]);
    },
  );
});

e2e('two ADDs at once after a flush', (artifact) => {
  test('leave one rule of each, and no attachment out', async () => {
    using node = createNode();
    const pods = runtime(node, artifact, both(node));
    const live = attached(node, pods, 3);
    const whole = rules(node);
    for (const text of ['flush ruleset', 'flush chain inet trestle postrouting', 'flush chain bridge trestle input']) {
      load(node, text);
      const next = Array.from({ length: 4 }, () => node.container());
      for (const outcome of await Promise.all(next.map((container) => pods.addAsync(container)))) succeeded(outcome);
      expect(rules(node)).toEqual(whole);
      for (const container of [...live, ...next]) succeeded(pods.check(container));
    }
  });
});
