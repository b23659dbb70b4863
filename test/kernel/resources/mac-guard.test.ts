/** The MAC guard, as `nft` reads it back; what it does to frames is in test/e2e/mac-guard.test.ts. */

import { expect, test } from 'bun:test';
import type { Connection } from '../../../src/netlink/connection.ts';
import * as guard from '../../../src/resources/guard/nftables.ts';
import { ownerText } from '../../../src/resources/names.ts';
import { faultOf } from '../../support/fault.ts';
import { createNetns, exec, type Netns } from '../../support/netns.ts';
import { anchorsOf, nftElements, nftRules, nftSnapshot } from '../../support/nft.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { withNft } from '../support/inside.ts';
import { mac } from '../support/values.ts';

const MAC = '0a:1b:2c:3d:4e:5f';

function entry(port: string, containerId: string, changes: { network?: string; mac?: string } = {}): guard.Guarded {
  const { network = 'pods', mac: text = MAC } = changes;
  return { network, port, mac: mac(text), owner: ownerText({ network, containerId, ifName: 'eth0' }) };
}

const A = entry('veth0000000000a', 'a');
const B = entry('veth0000000000b', 'b', { mac: '0a:00:00:00:00:0b' });

/** @returns for each whether all was whole then */
function ensure(ns: Netns, ...entries: readonly guard.Guarded[]): boolean[] {
  return withNft(ns, (connection) => entries.map((one) => guard.ensureGuard(connection, one)));
}

function restore(ns: Netns, network: string, ...entries: readonly guard.Guarded[]): void {
  withNft(ns, (connection) => guard.restoreGuard(connection, network, entries));
}

function removeFound(ns: Netns, network: string, dataDir = '/var/lib/cni/networks'): void {
  withNft(ns, (connection) => {
    for (const one of guard.ownedGuards(connection, { network, dataDir })) one.remove();
  });
}

const held = (ns: Netns) =>
  nftElements(ns)
    .map(({ set, value, comment }) => `${set}: ${value} ${comment}`)
    .sort();
const OF_A = [`macs: veth0000000000a . ${MAC} pods/a/eth0`, 'ports: veth0000000000a pods/a/eth0'];

describeOnKernel('the first guard', () => {
  test('makes a table of the bridge family, and its elements say whose they are', () => {
    using ns = createNetns();
    expect(ensure(ns, A)).toEqual([false]);
    expect(exec(ns, ['nft', 'list', 'ruleset']).replace(/\s+/g, ' ')).toBe(
      'table bridge trestle { ' +
        'set ports { type ifname elements = { "veth0000000000a" comment "pods/a/eth0" } } ' +
        `set macs { type ifname . ether_addr elements = { "veth0000000000a" . ${MAC} comment "pods/a/eth0" } } ` +
        'chain prerouting { type filter hook prerouting priority dstnat; policy accept; ' +
        'iifname @ports jump guard comment "guard" } ' +
        'chain input { type filter hook input priority -300; policy accept; ' +
        'iifname @ports jump guard comment "guard" } ' +
        'chain guard { iifname . ether saddr != @macs drop comment "guard" } } ',
    );
  });

  test('leaves a ruleset that nft can load again, with the longest names', () => {
    using ns = createNetns();
    using other = createNetns();
    ensure(ns, A);
    restore(ns, 'pods', A, B);
    const network = 'n'.repeat(200);
    const owner = ownerText({ network, containerId: 'c'.repeat(200), ifName: 'e"th0', dataDir: '/run/cni' });
    restore(ns, network, { network, port: 'veth0123456789a', mac: mac(MAC), owner });
    exec(other, ['nft', '-f', '-'], { stdin: exec(ns, ['nft', 'list', 'ruleset']) });
    expect(nftSnapshot(other)).toEqual(nftSnapshot(ns));
  });
});

describeOnKernel('further guards', () => {
  test('add elements and no rule, and find all whole where it was restored once', () => {
    using ns = createNetns();
    ensure(ns, A);
    restore(ns, 'pods');
    const rules = nftRules(ns);
    expect(ensure(ns, B)).toEqual([true]);
    expect(nftRules(ns)).toEqual(rules);
    expect(held(ns)).toHaveLength(4);
  });

  test('of another network share the rules, and have anchors of their own', () => {
    using ns = createNetns();
    ensure(ns, A);
    restore(ns, 'pods');
    const other = entry('veth0000000000c', 'c', { network: 'pods-2' });
    expect(ensure(ns, other)).toEqual([false]);
    restore(ns, 'pods-2', other);
    expect(ensure(ns, entry('veth0000000000d', 'd', { network: 'pods-2' }))).toEqual([true]);
    expect(nftRules(ns)).toHaveLength(3);
    expect(anchorsOf(nftSnapshot(ns))).toHaveLength(4);
  });

  test('of the same port replace what an earlier life left, whatever its MAC was', () => {
    using ns = createNetns();
    ensure(ns, entry(A.port, 'a', { mac: '0a:00:00:00:00:99' }), B);
    ensure(ns, A);
    expect(held(ns).filter((line) => line.includes('pods/a/'))).toEqual(OF_A);
    expect(held(ns)).toHaveLength(4);
  });

  test('of the same port replace a pair that lost its port', () => {
    using ns = createNetns();
    ensure(ns, A);
    exec(ns, ['nft', 'flush', 'set', 'bridge', 'trestle', 'ports']);
    ensure(ns, A);
    expect(held(ns)).toEqual(OF_A);
  });
});

describeOnKernel('removing a guard', () => {
  const remove = (ns: Netns, one: guard.Guarded) => withNft(ns, (connection) => guard.removeGuard(connection, one));

  test('takes its elements, once', () => {
    using ns = createNetns();
    ensure(ns, A, B);
    expect([remove(ns, B), remove(ns, B)]).toEqual([true, false]);
    expect(held(ns)).toEqual(OF_A);
  });

  test('leaves what is somebody else’s', () => {
    using ns = createNetns();
    ensure(ns, A);
    expect(remove(ns, { ...A, owner: 'pods/other/eth0' })).toBe(false);
    expect(held(ns)).toEqual(OF_A);
  });

  test('takes what is left of it', () => {
    using ns = createNetns();
    ensure(ns, A);
    exec(ns, ['nft', 'flush', 'set', 'bridge', 'trestle', 'ports']);
    expect(remove(ns, A)).toBe(true);
    expect(held(ns)).toEqual([]);
  });

  test('does not mind that there is nothing', () => {
    using ns = createNetns();
    expect(remove(ns, A)).toBe(false);
  });
});

describeOnKernel('the last guard', () => {
  const remove = (ns: Netns, ...entries: guard.Guarded[]) =>
    withNft(ns, (connection) => entries.map((one) => guard.removeGuard(connection, one)));
  const OTHER = entry('veth0000000000c', 'c', { network: 'pods-2' });

  test('of all takes everything with it', () => {
    using ns = createNetns();
    for (const one of [A, B, OTHER]) restore(ns, one.network, one);
    expect(remove(ns, A, OTHER, B)).toEqual([true, true, true]);
    expect(nftSnapshot(ns)).toEqual([]);
  });

  test('of a network takes its anchors', () => {
    using ns = createNetns();
    restore(ns, 'pods-2', OTHER);
    const before = nftSnapshot(ns);
    restore(ns, 'pods', A, B);
    remove(ns, A);
    expect(anchorsOf(nftSnapshot(ns))).toHaveLength(4);
    remove(ns, B);
    expect(sorted(nftSnapshot(ns))).toEqual(sorted(before));
    expect(ensure(ns, entry('veth0000000000d', 'd', { network: 'pods-2' }))).toEqual([true]);
  });

  test('leaves the anchors of a network that another data directory has ports on', () => {
    using ns = createNetns();
    const there = {
      ...B,
      owner: ownerText({ network: 'pods', containerId: 'b', ifName: 'eth0', dataDir: '/run/cni' }),
    };
    restore(ns, 'pods', A, there);
    remove(ns, A);
    expect(anchorsOf(nftSnapshot(ns))).toHaveLength(2);
    removeFound(ns, 'pods');
    expect(held(ns)).toHaveLength(2);
    removeFound(ns, 'pods', '/run/cni');
    expect(nftSnapshot(ns)).toEqual([]);
  });
});

const FLUSHES: [string, string[]][] = [
  ['the ruleset', ['flush', 'ruleset']],
  ['the table', ['delete', 'table', 'bridge', 'trestle']],
  ['the entrance', ['flush', 'chain', 'bridge', 'trestle', 'prerouting']],
  ['the other entrance', ['flush', 'chain', 'bridge', 'trestle', 'input']],
  ['the rule', ['flush', 'chain', 'bridge', 'trestle', 'guard']],
  ['the ports', ['flush', 'set', 'bridge', 'trestle', 'ports']],
  ['the MACs', ['flush', 'set', 'bridge', 'trestle', 'macs']],
];

describeOnKernel('after somebody flushed', () => {
  test.each(FLUSHES)('%s, the next guard notices, and all comes back', (_, command) => {
    using ns = createNetns();
    ensure(ns, A);
    restore(ns, 'pods', A);
    const whole = nftSnapshot(ns);
    exec(ns, ['nft', ...command]);
    expect(ensure(ns, B)).toEqual([false]);
    restore(ns, 'pods', A, B);
    withNft(ns, (connection) => guard.removeGuard(connection, B));
    expect(sorted(nftSnapshot(ns))).toEqual(sorted(whole));
    expect(ensure(ns, B)).toEqual([true]);
  });

  const everything = ['flush', 'ruleset'];
  test('two networks come back one after the other', () => {
    using ns = createNetns();
    const other = entry('veth0000000000c', 'c', { network: 'pods-2' });
    for (const one of [A, other]) {
      ensure(ns, one);
      restore(ns, one.network, one);
    }
    exec(ns, ['nft', ...everything]);
    expect(ensure(ns, B)).toEqual([false]);
    restore(ns, 'pods', A, B);
    expect(ensure(ns, entry('veth0000000000d', 'd', { network: 'pods-2' }))).toEqual([false]);
  });
});

describeOnKernel('checking a guard', () => {
  const verify = (connection: Connection) => guard.verifyGuard(connection, A);
  const NOT_HELD = `frames from veth0000000000a are not held to the MAC ${MAC}`;
  const LOST = 'for pods/a/eth0, it is not there';

  test('finds all in order', () => {
    using ns = createNetns();
    ensure(ns, A);
    withNft(ns, verify);
  });

  test.each([
    [['flush', 'ruleset'], `expected in the nftables set ports ${LOST}`],
    [
      ['delete', 'element', 'bridge', 'trestle', 'ports', '{ "veth0000000000a" }'],
      `expected in the nftables set ports ${LOST}`,
    ],
    [
      ['delete', 'element', 'bridge', 'trestle', 'macs', `{ "veth0000000000a" . ${MAC} }`],
      `expected in the nftables set macs ${LOST}`,
    ],
    [
      ['flush', 'chain', 'bridge', 'trestle', 'prerouting'],
      'no rule of the nftables chain prerouting leads to the chain guard',
    ],
    [['flush', 'chain', 'bridge', 'trestle', 'input'], 'no rule of the nftables chain input leads to the chain guard'],
    [['flush', 'chain', 'bridge', 'trestle', 'guard'], 'the nftables chain guard has no rule'],
  ])('notices %j', (command, finding) => {
    using ns = createNetns();
    ensure(ns, A);
    exec(ns, ['nft', ...command]);
    const fault = withNft(ns, (connection) => faultOf(() => verify(connection)));
    expect([fault.kind as string, fault.message]).toEqual(['check', `${NOT_HELD}: ${finding}`]);
    expect(fault.details).toContain('next ADD');
  });

  test('notices that the chain is gone', () => {
    using ns = createNetns();
    ensure(ns, A);
    exec(ns, ['nft', '-f', '-'], {
      stdin: `flush chain bridge trestle prerouting\nflush chain bridge trestle input\ndelete chain bridge trestle guard\n`,
    });
    const fault = withNft(ns, (connection) => faultOf(() => verify(connection)));
    expect(fault.message).toBe(`${NOT_HELD}: the nftables chain guard is missing`);
  });
});

describeOnKernel('what is found of a network', () => {
  test('takes its anchors with the last port, and leaves those of others', () => {
    using ns = createNetns();
    const other = entry('veth0000000000c', 'c', { network: 'pods-2' });
    ensure(ns, A, B, other);
    restore(ns, 'pods', A, B);
    restore(ns, 'pods-2', other);
    expect(anchorsOf(nftSnapshot(ns))).toHaveLength(4);
    removeFound(ns, 'pods');
    expect(held(ns)).toHaveLength(2);
    expect(anchorsOf(nftSnapshot(ns))).toHaveLength(2);
    removeFound(ns, 'pods-2');
    expect(nftSnapshot(ns)).toEqual([]);
  });
});

describeOnKernel('asking whether the kernel can guard', () => {
  test('changes nothing', () => {
    using ns = createNetns();
    withNft(ns, guard.verifyGuardable);
    expect(nftSnapshot(ns)).toEqual([]);
    ensure(ns, A);
    const before = nftSnapshot(ns);
    withNft(ns, guard.verifyGuardable);
    expect(nftSnapshot(ns)).toEqual(before);
  });
});

/** In whatever order objects and elements are listed. */
function sorted(snapshot: ReturnType<typeof nftSnapshot>): string[] {
  const lines = snapshot.map(({ body, ...rest }) => {
    const elem = Array.isArray(body.elem) ? body.elem.map((one) => JSON.stringify(one)).sort() : body.elem;
    return JSON.stringify({ ...rest, body: { ...body, elem } });
  });
  return lines.sort();
}
