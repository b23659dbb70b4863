/** Frames of a VLAN's gateway pass connection tracking by; what comes of it with VLANs is in test/e2e/vlan.test.ts. */

import { expect, test } from 'bun:test';
import { silentLog } from '../../../src/log.ts';
import { KernelError } from '../../../src/netlink/error.ts';
import { ensureGuard, removeGuard } from '../../../src/resources/guard/nftables.ts';
import { type Node, openNode } from '../../../src/resources/node.ts';
import {
  ensureHopUntracked,
  mendHopUntracked,
  removeHopUntracked,
  verifyHopUntracked,
} from '../../../src/resources/vlan/gateway-hop.ts';
import { EOPNOTSUPP } from '../../../src/sys/errno.ts';
import { faultOf } from '../../support/fault.ts';
import { setSysctl } from '../../support/kernel.ts';
import { createNetns, exec, ipBatch, type Netns } from '../../support/netns.ts';
import { anchorsOf, nftSnapshot } from '../../support/nft.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { ping } from '../../support/traffic.ts';
import { inside } from '../support/inside.ts';
import { mac } from '../support/values.ts';

const RED = { name: 'cni0.100', mac: mac('0a:00:00:00:01:00') };
const BLUE = { name: 'cni0.200', mac: mac('0a:00:00:00:02:00') };

function on<T>(ns: Netns, action: (node: Node) => T): T {
  return inside(ns, () => {
    const node = openNode('', silentLog);
    try {
      return action(node);
    } finally {
      node.close();
    }
  });
}

function ensure(ns: Netns, ...gateways: (typeof RED)[]): void {
  on(ns, (node) => {
    for (const gateway of gateways) ensureHopUntracked(node, gateway, (_, message) => expect(message).toBe(''));
  });
}

function passFilter(ns: Netns, passes: boolean): void {
  for (const name of ['iptables', 'ip6tables']) setSysctl(ns, `net/bridge/bridge-nf-call-${name}`, Number(passes));
}

const ruleset = (ns: Netns) => exec(ns, ['nft', 'list', 'ruleset']).replace(/\s+/g, ' ').trim();
const flush = (ns: Netns, ...words: string[]) => void exec(ns, ['nft', 'flush', ...words]);

describeOnKernel('the frames of a gateway', () => {
  test('are known by its MAC, from and to it, once for all gateways', () => {
    using ns = createNetns();
    ensure(ns, RED, BLUE, RED);
    const jump = (end: string) => `ether ${end} @gateways jump untracked comment "untracked"`;
    const elements = /elements = \{ (.*?) \}/.exec(ruleset(ns))?.[1]?.split(', ').sort();
    expect(elements).toEqual(['0a:00:00:00:01:00 comment "cni0.100"', '0a:00:00:00:02:00 comment "cni0.200"']);
    expect(ruleset(ns).replace(/elements = \{ .*? \}/, '…')).toBe(
      'table bridge trestle { set gateways { type ether_addr … } ' +
        'chain prerouting { type filter hook prerouting priority dstnat; policy accept; ' +
        `${jump('daddr')} ${jump('saddr')} } chain untracked { notrack comment "untracked" } }`,
    );
  });

  test.each([
    ['the chain', ['chain', 'bridge', 'trestle', 'prerouting'], /no rule of the nftables chain prerouting leads to/],
    ['the rule', ['chain', 'bridge', 'trestle', 'untracked'], /the nftables chain untracked has no rule/],
    [
      'the set',
      ['set', 'bridge', 'trestle', 'gateways'],
      /expected in the nftables set gateways for cni0.100, it is not/,
    ],
    ['everything', ['ruleset'], /expected in the nftables set gateways for cni0.100, it is not there/],
  ])('are tracked after a flush of %s, which is told where they pass the filter, and mended', (_, words, reason) => {
    using ns = createNetns();
    passFilter(ns, true);
    ensure(ns, RED);
    const whole = ruleset(ns);
    on(ns, (node) => verifyHopUntracked(node, RED));
    flush(ns, ...words);
    const fault = faultOf(() => on(ns, (node) => verifyHopUntracked(node, RED)));
    expect([fault.kind, fault.message]).toEqual(['check', expect.stringMatching(reason)]);
    passFilter(ns, false);
    on(ns, (node) => verifyHopUntracked(node, RED));
    ensure(ns, RED);
    expect(ruleset(ns)).toBe(whole);
  });

  test.each([
    ['insert rule bridge trestle prerouting accept', /another rule stands before the one that leads to the chain untr/],
    ['insert rule bridge trestle untracked accept', /the rules of the nftables chain untracked were changed/],
  ])('are tracked after "%s", which is told where they pass the filter, and mended', (change, reason) => {
    using ns = createNetns();
    passFilter(ns, true);
    ensure(ns, RED);
    exec(ns, ['nft', change]);
    const fault = faultOf(() => on(ns, (node) => verifyHopUntracked(node, RED)));
    expect([fault.kind, fault.message]).toEqual(['check', expect.stringMatching(reason)]);
    on(ns, (node) => mendHopUntracked(node, RED));
    on(ns, (node) => verifyHopUntracked(node, RED));
    const whole = ruleset(ns);
    on(ns, (node) => mendHopUntracked(node, RED));
    expect(ruleset(ns)).toBe(whole);
  });

  test('go with their gateway, and all that is for them with the last one, beside the MAC guard', () => {
    using ns = createNetns();
    const remove = (gateway: typeof RED) => on(ns, (node) => removeHopUntracked(node, gateway));
    const guarded = { network: 'pods', port: 'veth0', mac: mac('0a:00:00:00:00:01'), owner: 'pods/a/eth0' };
    ensure(ns, RED, BLUE);
    remove(RED);
    remove({ ...BLUE, name: 'cni0.300' });
    expect(ruleset(ns)).toContain('elements = { 0a:00:00:00:02:00 comment "cni0.200" }');
    remove(BLUE);
    remove(BLUE);
    expect(ruleset(ns)).toBe('');
    on(ns, (node) => ensureGuard(node.nft(), guarded));
    const before = ruleset(ns);
    ensure(ns, RED);
    remove(RED);
    expect(ruleset(ns)).toBe(before);
    ensure(ns, RED);
    on(ns, (node) => removeGuard(node.nft(), guarded));
    ensure(ns, RED);
    expect(ruleset(ns)).not.toContain('guard');
    remove(RED);
    expect(ruleset(ns)).toBe('');
  });

  test('leave a ruleset that nft can load again', () => {
    using ns = createNetns();
    using other = createNetns();
    ensure(ns, RED, { ...BLUE, name: 'br0123456789.99' });
    exec(other, ['nft', '-f', '-'], { stdin: exec(ns, ['nft', 'list', 'ruleset']) });
    expect(nftSnapshot(other)).toEqual(nftSnapshot(ns));
  });

  test('are tracked where the kernel cannot do otherwise, which is told where they pass the filter', () => {
    using ns = createNetns();
    const attempt = () =>
      on(ns, (node) => {
        const said: string[] = [];
        const nft = () => {
          throw new KernelError('create the nftables table trestle', EOPNOTSUPP);
        };
        ensureHopUntracked({ ...node, nft }, RED, (level, message) => void said.push(`${level}: ${message}`));
        return said;
      });
    passFilter(ns, false);
    expect(attempt()).toEqual([]);
    passFilter(ns, true);
    expect(attempt()).toEqual([
      expect.stringMatching(/^warn: frames of cni0\.100 are tracked on the bridge: cannot create the nftables table/),
    ]);
    expect(() => on(ns, (node) => verifyHopUntracked(node, RED))).toThrow('frames of cni0.100 are tracked');
  });

  test('share a chain with the MAC guard, and neither takes the other’s rules', () => {
    using ns = createNetns();
    passFilter(ns, true);
    const guarded = { network: 'pods', port: 'veth0', mac: mac('0a:00:00:00:00:01'), owner: 'pods/a/eth0' };
    on(ns, (node) => ensureGuard(node.nft(), guarded));
    const before = anchorsOf(nftSnapshot(ns));
    ensure(ns, RED);
    flush(ns, 'chain', 'bridge', 'trestle', 'untracked');
    ensure(ns, RED);
    on(ns, (node) => verifyHopUntracked(node, RED));
    expect(anchorsOf(nftSnapshot(ns))).toEqual(before);
    expect(ruleset(ns)).toContain('iifname @ports jump guard comment "guard"');
  });

  test('are not tracked as frames, but behind the gateway', () => {
    using node = createNetns();
    using container = createNetns();
    using outside = createNetns();
    passFilter(node, true);
    // As in a VLAN: the gateway is not the bridge, but the other end of a port.
    ipBatch(
      node,
      `link add cni0 up type bridge
      link add name port master cni0 up type veth peer name gateway
      link set gateway up address 0a:00:00:00:01:00
      address add 10.1.0.1/24 dev gateway
      link add name pod master cni0 up type veth peer name eth0 netns ${container.name}
      link add name uplink up type veth peer name eth0 netns ${outside.name}
      address add 192.0.2.1/24 dev uplink`,
    );
    ipBatch(container, 'link set eth0 up\n address add 10.1.0.2/24 dev eth0\n route add default via 10.1.0.1');
    ipBatch(outside, 'link set eth0 up\n address add 192.0.2.2/24 dev eth0\n route add default via 192.0.2.1');
    setSysctl(node, 'net/ipv4/ip_forward', 1);
    // The bridge must not answer for the gateway, which it cannot do in a VLAN.
    setSysctl(node, 'net/ipv4/conf/cni0/arp_ignore', 1);
    exec(node, ['nft', '-f', '-'], { stdin: WATCH });
    expect(ping(container, '192.0.2.2')).toBe(true);
    // The request and the answer, each on the bridge and routed.
    expect(counts(node)).toEqual({ tracked: 4, untracked: 0 });
    ensure(node, RED);
    expect(ping(container, '192.0.2.2')).toBe(true);
    expect(counts(node)).toEqual({ tracked: 6, untracked: 2 });
  });
});

const WATCH = `table inet watch {
  counter tracked { }
  counter untracked { }
  chain forward { type filter hook forward priority filter; meta l4proto icmp jump count; }
  chain count { ct state untracked counter name untracked; ct state != untracked counter name tracked; }
}
`;

/** How many packets the counters of WATCH saw. */
function counts(ns: Netns): Record<string, number> {
  const { nftables } = JSON.parse(exec(ns, ['nft', '-j', 'list', 'counters'])) as {
    nftables: { counter?: { name: string; packets: number } }[];
  };
  return Object.fromEntries(nftables.flatMap(({ counter }) => (counter ? [[counter.name, counter.packets]] : [])));
}
