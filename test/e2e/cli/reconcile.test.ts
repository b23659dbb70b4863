/** `trestle reconcile`: what was broken by hand is shown by --dry-run, put back, and found whole then. */

import { describe, expect, test } from 'bun:test';
import type { Artifact } from '../../support/artifacts.ts';
import { succeeded } from '../../support/cni.ts';
import { link } from '../../support/kernel.ts';
import { exec } from '../../support/netns.ts';
import { type Container, createNode, type ScratchNode } from '../../support/node.ts';
import { jsonOf, operate, placeOf } from '../../support/operator.ts';
import { runtime } from '../../support/runtime.ts';
import { ping } from '../../support/traffic.ts';
import { installDockerRules } from '../support/docker.ts';
import { inhabited } from '../support/inhabited.ts';
import { e2eOnNodes, footprint, hostVeth, loseNamespace, network, stopForwarding } from '../support/network.ts';

interface Loss {
  readonly kind: string;
  readonly finding: string;
  readonly details?: string;
}

interface Reconciled {
  readonly dryRun: boolean;
  readonly attachments: readonly {
    readonly containerID: string;
    readonly result: string;
    readonly restored: readonly Loss[];
    readonly left: readonly Loss[];
    readonly reason?: string;
  }[];
}

interface Place extends Disposable {
  readonly node: ScratchNode;
  readonly containers: readonly [Container, Container];
  reconcile(status: number, ...flags: string[]): Reconciled;
}

/** A node with two containers of the usual network, guarded. */
function placeFor(artifact: Artifact): Place {
  const node = createNode();
  stopForwarding(node.ns);
  const containers = [node.container(), node.container()] as const;
  const pods = runtime(node, artifact, network(node, { macspoofchk: true }));
  for (const one of containers) succeeded(pods.add(one));
  return {
    node,
    containers,
    reconcile: (status, ...flags) =>
      jsonOf(operate(node, artifact, ['reconcile', '--json', ...placeOf(node), ...flags]), status),
    [Symbol.dispose]: () => node.delete(),
  };
}

/** Links and packet filter, whatever their order: a table or bridge that is made anew has another place. */
function stateOf(node: ScratchNode) {
  const { links, nft } = footprint(node) as { links: unknown[]; nft: unknown[] };
  const sorted = (values: unknown[]) => values.map((one) => JSON.stringify(one, ordered)).toSorted();
  return { links: sorted(links), nft: sorted(nft) };
}

/** The elements of a set come in any order. */
function ordered(key: string, value: unknown): unknown {
  return key === 'elem' && Array.isArray(value)
    ? value.toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)))
    : value;
}

const kindsOf = (losses: readonly Loss[] = []) => losses.map(({ kind }) => kind).join(' ');

/** A command for the node, and the kinds that the first attachment has lost then. VETH is its host veth. */
const BREAKS: readonly (readonly [by: string, kinds: string])[] = [
  ['nft flush ruleset', 'guard masquerade'],
  ['nft delete table inet trestle', 'masquerade'],
  ['nft delete table bridge trestle', 'guard'],
  ['ip address flush dev cni0 scope global', 'gateway'],
  ['sysctl -qw net.ipv4.ip_forward=0; sysctl -qw net.ipv6.conf.all.forwarding=0', 'forwarding'],
  ['sysctl -qw net.ipv6.conf.cni0.accept_ra=2', 'bridge'],
  ['ip link set cni0 down', 'bridge gateway'],
  ['ip link set VETH down', 'port'],
  ['ip link set VETH nomaster', 'port'],
  ['ip link delete cni0', 'bridge gateway port'],
];

const INSIDE: readonly (readonly [by: string, kinds: string])[] = [
  ['ip link set eth0 down', 'port addressing'],
  ['ip address flush dev eth0 scope global', 'addressing'],
  ['ip route delete default', 'addressing'],
];

e2eOnNodes('trestle reconcile', (artifact) => {
  const broken = (where: 'node' | 'container', by: string, kinds: string) => {
    using place = placeFor(artifact);
    const { node, containers } = place;
    const [first, second] = containers;
    expect(place.reconcile(0).attachments).toMatchObject([{ result: 'whole' }, { result: 'whole' }]);
    const whole = stateOf(node);
    const command = by.replaceAll('VETH', hostVeth(node, first).ifname);
    exec(where === 'node' ? node.ns : first.ns, ['sh', '-c', command]);
    const before = stateOf(node);
    const dry = place.reconcile(1, '--dry-run');
    expect(dry.dryRun).toBe(true);
    expect(kindsOf(dry.attachments[0]?.left)).toBe(kinds);
    expect(stateOf(node)).toEqual(before);
    const done = place.reconcile(0);
    expect(done.attachments[0]).toMatchObject({ containerID: first.id, result: 'restored', left: [] });
    expect(kindsOf(done.attachments[0]?.restored)).toBe(kinds);
    expect(stateOf(node)).toEqual(whole);
    expect(place.reconcile(0).attachments).toMatchObject([{ result: 'whole' }, { result: 'whole' }]);
    expect(ping(first.ns, '10.89.0.3')).toBe(true);
    expect(ping(second.ns, 'fd00:89::1')).toBe(true);
  };

  describe('after', () => {
    test.each(BREAKS)('%s, %s', (by, kinds) => broken('node', by, kinds));
    test.each(INSIDE)('%s in the container, %s', (by, kinds) => broken('container', by, kinds));

    test('Docker, whose FORWARD drops, what containers send is accepted', () => {
      using place = placeFor(artifact);
      installDockerRules(place.node.ns, 'nft');
      expect(kindsOf(place.reconcile(1, '--dry-run').attachments[0]?.left)).toBe('forward-accept');
      expect(kindsOf(place.reconcile(0).attachments[0]?.restored)).toBe('forward-accept');
      expect(place.reconcile(0).attachments).toMatchObject([{ result: 'whole' }, { result: 'whole' }]);
    });
  });

  test('a veth that is gone cannot be put back, and the rest of the node is', () => {
    using place = placeFor(artifact);
    const { node, containers } = place;
    exec(node.ns, ['ip', 'link', 'delete', hostVeth(node, containers[0]).ifname]);
    exec(node.ns, ['nft', 'flush', 'ruleset']);
    const [first, second] = place.reconcile(1).attachments;
    expect(first).toMatchObject({ result: 'failed' });
    expect(first?.left[0]).toMatchObject({
      kind: 'port',
      finding: expect.stringMatching(/^the host veth \S+ is missing$/),
      details: expect.stringContaining('Restarting the container'),
    });
    expect(second).toMatchObject({ result: expect.stringMatching(/^(restored|whole)$/), left: [] });
    const { status, stdout } = operate(node, artifact, ['reconcile', ...placeOf(node)]);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^NETWORK +CONTAINER +INTERFACE +RESULT +WHAT\n/);
    expect(stdout).toContain('Restarting the container (DEL and ADD) makes it anew.');
  });

  test('what is dead is left alone, and so is another network', () => {
    using place = placeFor(artifact);
    const { node, containers } = place;
    loseNamespace(node, containers[0]);
    exec(node.ns, ['nft', 'flush', 'ruleset']);
    expect(place.reconcile(0, '--network', 'other').attachments).toEqual([]);
    const [first, second] = place.reconcile(0).attachments;
    expect(first).toMatchObject({ result: 'skipped', restored: [], left: [] });
    expect(second).toMatchObject({ result: 'restored' });
    expect(exec(node.ns, ['nft', 'list', 'ruleset'])).not.toContain(containers[0].id);
  });

  test('a container is not taken for another one whose namespace is at its path', () => {
    using place = placeFor(artifact);
    const { node, containers } = place;
    const [first, second] = containers;
    using _ = inhabited(first);
    exec(node.ns, ['sh', '-c', `umount ${first.netnsPath}; mount --bind ${second.netnsPath} ${first.netnsPath}`]);
    exec(node.ns, ['ip', 'link', 'set', 'cni0', 'down']);
    const outcome = place.reconcile(0).attachments.find(({ containerID }) => containerID === first.id);
    expect(outcome?.reason ?? '').toContain(`another network namespace is at ${first.netnsPath}`);
    expect(link(node.ns, 'cni0')?.flags).toContain('UP');
  });

  test('one that is marked as being removed is left alone', () => {
    using place = placeFor(artifact);
    const { node, containers } = place;
    const record = `${node.dataDir}/.trestle/pods/${containers[0].id}:eth0`;
    exec(node.ns, ['chmod', '400', record]);
    exec(node.ns, ['nft', 'flush', 'ruleset']);
    const [first] = place.reconcile(0).attachments;
    expect(first).toMatchObject({ result: 'skipped', reason: 'it is being removed' });
    expect(exec(node.ns, ['nft', 'list', 'ruleset'])).not.toContain(containers[0].id);
  });
});
