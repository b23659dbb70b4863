/** CHECK on attachments that somebody broke: each is noticed, and named in its own words. */

import { expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { failed, succeeded } from '../support/cni.ts';
import { setSysctl } from '../support/kernel.ts';
import { exec, ipBatch } from '../support/netns.ts';
import { type Container, createNode, type ScratchNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { e2e, FORWARDING, footprint, hostVeth, network, replaceLease, V4, V6 } from './support/network.ts';

type Break = (node: ScratchNode, container: Container) => void;
type Broken = readonly [what: string, act: Break, message: RegExp];

const inside =
  (...commands: string[]): Break =>
  (_, { ns }) =>
    ipBatch(ns, commands.join('\n'));
const onNode =
  (...commands: string[]): Break =>
  ({ ns }) =>
    ipBatch(ns, commands.join('\n'));
/** Commands on the node's end of the interface, which they call VETH. */
const onVeth =
  (...commands: string[]): Break =>
  (node, container) =>
    ipBatch(node.ns, commands.join('\n').replaceAll('VETH', hostVeth(node, container).ifname));
const nft =
  (...commands: string[]): Break =>
  ({ ns }) =>
    void exec(ns, ['nft', '-f', '-'], { stdin: `${commands.join('\n')}\n` });
const noLease =
  (address: string): Break =>
  ({ dataDir }) =>
    rmSync(join(dataDir, 'pods', address));
const otherLease =
  (address: string, content: string): Break =>
  (node) =>
    replaceLease(node, address, content);

const SET_4 = 'inet trestle masq-pods-10.89.0.0/24';
const SET_6 = 'inet trestle masq-pods-fd00_89__/64';

const INSIDE: Broken[] = [
  ['IPv4 address removed', inside('address delete 10.89.0.2/24 dev eth0'), /10\.89\.0\.2\/24 of eth0 .*missing/],
  ['IPv6 address removed', inside('address delete fd00:89::2/64 dev eth0'), /fd00:89::2\/64 of eth0 .*missing/],
  [
    'address with another prefix length',
    inside('address delete 10.89.0.2/24 dev eth0', 'address add 10.89.0.2/25 dev eth0'),
    /10\.89\.0\.2\/24 of eth0 .*missing.*10\.89\.0\.2\/25/,
  ],
  ['link down', inside('link set eth0 down'), /eth0 in the container is down/],
  ['IPv4 route gone', inside('route delete default'), /route 0\.0\.0\.0\/0 via 10\.89\.0\.1 .*missing/],
  ['IPv6 route gone', inside('route delete ::/0'), /route ::\/0 via fd00:89::1 .*missing/],
  [
    'route through another gateway',
    inside('route replace default via 10.89.0.77'),
    /route 0\.0\.0\.0\/0 via 10\.89\.0\.1 .*missing/,
  ],
  ['MAC changed', inside('link set eth0 address 0a:00:00:00:00:99'), /MAC of eth0 .*0a:00:00:00:00:99, expected/],
  ['interface renamed', inside('link set eth0 down', 'link set eth0 name eth9'), /eth0 is missing in the container/],
  [
    'another interface under its name',
    inside(
      'link set eth0 down',
      'link set eth0 name eth9',
      'link add eth0 type veth peer name eth1',
      'link set eth0 up',
    ),
    /eth0 .*not the other end of veth/,
  ],
];

const OUTSIDE: Broken[] = [
  ['interface removed', inside('link delete eth0'), /host veth \S+ is missing/],
  ["node's end down", onVeth('link set VETH down'), /host veth \S+ is down/],
  ['port off the bridge', onVeth('link set VETH nomaster'), /not a port of cni0: it is on no bridge/],
  [
    'port of another bridge',
    onVeth('link add br9 type bridge', 'link set VETH master br9'),
    /not a port of cni0: it is a port of br9/,
  ],
  ['hairpin off', onVeth('link set VETH type bridge_slave hairpin off'), /hairpin mode of \S+ is off/],
  ["MTU of the node's end changed", onVeth('link set VETH mtu 1300'), /MTU of \S+ is 1300, expected 1450/],
  ['bridge down', onNode('link set cni0 down'), /bridge cni0 is down/],
  ['bridge removed', onNode('link delete cni0'), /bridge cni0 is missing/],
  [
    'IPv4 gateway gone',
    onNode('address delete 10.89.0.1/24 dev cni0'),
    /10\.89\.0\.1\/24 of the bridge cni0 .*missing/,
  ],
  ['IPv6 gateway gone', onNode('address delete fd00:89::1/64 dev cni0'), /fd00:89::1\/64 of the bridge cni0 .*missing/],
  ['IPv4 forwarding off', ({ ns }) => setSysctl(ns, FORWARDING[4], 0), /forwarding is off: net\.ipv4\.ip_forward is 0/],
  ['IPv6 forwarding off', ({ ns }) => setSysctl(ns, FORWARDING[6], 0), /forwarding is off: net\.ipv6\.\S+ is 0/],
];

const MASQUERADE: Broken[] = [
  ['IPv4 element gone', nft(`delete element ${SET_4} { 10.89.0.2 }`), /10\.89\.0\.2 is not masqueraded.*not there/],
  ['IPv6 element gone', nft(`delete element ${SET_6} { fd00:89::2 }`), /fd00:89::2 is not masqueraded.*not there/],
  [
    "element someone else's",
    nft(`delete element ${SET_4} { 10.89.0.2 }`, `add element ${SET_4} { 10.89.0.2 comment "pods/other/eth0" }`),
    /10\.89\.0\.2 is not masqueraded.*there for pods\/other\/eth0/,
  ],
  [
    'element without owner',
    nft(`delete element ${SET_4} { 10.89.0.2 }`, `add element ${SET_4} { 10.89.0.2 }`),
    /10\.89\.0\.2 is not masqueraded/,
  ],
  ['rules gone', nft('flush chain inet trestle postrouting'), /10\.89\.0\.2 is not masqueraded: no rule/],
  ['whole ruleset gone', nft('flush ruleset'), /10\.89\.0\.2 is not masqueraded/],
];

const LEASES: Broken[] = [
  ['IPv4 lease gone', noLease(V4.first), /lease of 10\.89\.0\.2 .*missing/],
  ['IPv6 lease gone', noLease(V6.first), /lease of fd00:89::2 .*missing/],
  [
    "lease someone else's",
    otherLease(V4.first, 'other\r\neth0'),
    /lease of 10\.89\.0\.2 .*not its own.*container other/,
  ],
  [
    'lease of the same container, another interface',
    (node, { id }) => otherLease(V4.first, `${id}\r\nnet1`)(node, node.containers[0] as Container),
    /lease of 10\.89\.0\.2 .*not its own.*net1/,
  ],
  ['lease without content', otherLease(V4.first, ''), /lease of 10\.89\.0\.2 .*not its own/],
];

e2e('CHECK notices', (artifact) => {
  test.each([...INSIDE, ...OUTSIDE, ...MASQUERADE, ...LEASES])('%s', (_, act, message) => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node, { hairpinMode: true, mtu: 1450 }));
    const container = node.container();
    succeeded(pods.add(container));
    act(node, container);
    const broken = footprint(node);
    const error = failed(pods.check(container));
    expect(error).toMatchObject({ cniVersion: '1.1.0', code: 105 });
    expect(error.msg).toMatch(message);
    expect(footprint(node)).toEqual(broken);
  });

  test('what is broken at one container, and not at the other', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const [first, second] = [node.container(), node.container()];
    for (const container of [first, second]) succeeded(pods.add(container));
    ipBatch(first.ns, 'address flush dev eth0');
    expect(failed(pods.check(first)).code).toBe(105);
    succeeded(pods.check(second));
  });
});
