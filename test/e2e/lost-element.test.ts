/** An element or a rule of a living attachment is changed by hand: CHECK says so, and the next ADD mends it. */

import { expect, test } from 'bun:test';
import { failed, succeeded } from '../support/cni.ts';
import { exec } from '../support/netns.ts';
import { nftElements } from '../support/nft.ts';
import { createNode, type ScratchNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { type Config, e2e, hostVeth, ipam, network, V4, V6 } from './support/network.ts';

const elements = ({ ns }: ScratchNode) =>
  nftElements(ns)
    .map(({ set, value, comment }) => `${set} ${value} ${comment}`)
    .sort();

/** What is removed, and what CHECK of its holder says. */
const LOST: readonly [string, (node: ScratchNode, veth: string) => string, RegExp][] = [
  ['the IPv4 address', () => `inet trestle masq-pods-10.89.0.0/24 { ${V4.first} }`, /10\.89\.0\.2 is not masqueraded/],
  ['the IPv6 address', () => `inet trestle masq-pods-fd00_89__/64 { ${V6.first} }`, /fd00:89::2 is not masqueraded/],
  ['the guarded port', (_, veth) => `bridge trestle ports { "${veth}" }`, /not held to the MAC/],
];

e2e('a lost element', (artifact) => {
  test.each(LOST)('%s', (_, element, message) => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node, { macspoofchk: true }));
    const [first, second, third] = [node.container(), node.container(), node.container()];
    succeeded(pods.add(first));
    succeeded(pods.add(second));
    const whole = elements(node);
    exec(node.ns, ['nft', `delete element ${element(node, hostVeth(node, first).ifname)}`]);
    expect(failed(pods.check(first))).toMatchObject({ code: 105, msg: expect.stringMatching(message) });
    succeeded(pods.add(third));
    succeeded(pods.check(first));
    succeeded(pods.del(third));
    expect(elements(node)).toEqual(whole);
  });

  test('of another network with the same data directory is put back by an ADD on that network', () => {
    using node = createNode();
    const on = (name: string, subnet: string, bridge: string): Config =>
      network(node, { name, bridge, ipam: ipam(node, [subnet]) });
    const a = runtime(node, artifact, on('a', '10.91.0.0/24', 'cni1'));
    const b = runtime(node, artifact, on('b', '10.92.0.0/24', 'cni2'));
    const first = node.container();
    succeeded(a.add(first));
    succeeded(b.add(node.container()));
    exec(node.ns, ['nft', 'delete element inet trestle masq-a-10.91.0.0/24 { 10.91.0.2 }']);
    // An ADD of the other network notices the change, and must not keep it to itself; nor may a DEL.
    const second = node.container();
    succeeded(b.add(second));
    succeeded(b.del(second));
    succeeded(a.add(node.container()));
    succeeded(a.check(first));
  });

  test.each(['generation', 'boot', 'lock', 'last_reserved_ip.0'])(
    'of a network called %s, as files of ours are, is put back',
    (name) => {
      using node = createNode();
      succeeded(runtime(node, artifact, network(node)).add(node.container()));
      const config = network(node, { name, bridge: 'cni2', ipam: ipam(node, ['10.91.0.0/24']) });
      const pods = runtime(node, artifact, config);
      const first = node.container();
      succeeded(pods.add(first));
      exec(node.ns, ['nft', `delete element inet trestle masq-${name}-10.91.0.0/24 { 10.91.0.2 }`]);
      succeeded(pods.add(node.container()));
      succeeded(pods.check(first));
      succeeded(pods.status());
    },
  );

  test('of a container that is gone stays away', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const gone = node.container();
    succeeded(pods.add(node.container()));
    succeeded(pods.add(gone));
    exec(node.ns, ['nft', `delete element inet trestle masq-pods-10.89.0.0/24 { ${V4.second} }`]);
    exec(node.ns, ['ip', 'link', 'delete', hostVeth(node, gone).ifname]);
    succeeded(pods.add(node.container()));
    expect(elements(node).filter((one) => one.includes(`${V4.second} `))).toEqual([]);
  });
});

const V4_CHAIN = 'inet trestle masq-pods-10.89.0.0/24';
const GUARD = 'bridge trestle guard';
const CHANGES: readonly [string, RegExp][] = [
  [`flush chain ${V4_CHAIN}; add rule ${V4_CHAIN} return`, /10\.89\.0\.2 is not masqueraded: the rules of/],
  [`flush chain ${GUARD}; add rule ${GUARD} accept`, /not held to the MAC .*: the rules of/],
  ['insert rule inet trestle postrouting accept', /10\.89\.0\.2 is not masqueraded: in the nftables chain postrouting/],
  ['insert rule bridge trestle input accept', /not held to the MAC .*: in the nftables chain input/],
];

e2e('a changed rule', (artifact) => {
  test.each(CHANGES)('%s', (change, message) => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node, { macspoofchk: true }));
    const first = node.container();
    succeeded(pods.add(first));
    succeeded(pods.add(node.container()));
    exec(node.ns, ['nft', change]);
    expect(failed(pods.check(first))).toMatchObject({ code: 105, msg: expect.stringMatching(message) });
    succeeded(pods.add(node.container()));
    succeeded(pods.check(first));
  });
});
