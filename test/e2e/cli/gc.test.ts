/** `trestle gc`: shows what is provably dead, removes that and nothing else. */

import { expect, test } from 'bun:test';
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import type { Artifact } from '../../support/artifacts.ts';
import { succeeded } from '../../support/cni.ts';
import { link } from '../../support/kernel.ts';
import { exec } from '../../support/netns.ts';
import { type Container, createNode, type ScratchNode } from '../../support/node.ts';
import { jsonOf, operate, placeOf } from '../../support/operator.ts';
import { type Runtime, runtime } from '../../support/runtime.ts';
import { ping } from '../../support/traffic.ts';
import { e2e, eventually, footprint, hostVeth, loseNamespace, network } from '../support/network.ts';

interface Item {
  readonly kind: string;
  readonly network?: string;
  readonly subject: string;
  readonly why: string;
  readonly outcome?: string;
}

interface Collected {
  readonly dryRun: boolean;
  readonly garbage: readonly Item[];
  readonly kept: readonly { readonly containerID: string; readonly why: string }[];
}

interface Place extends Disposable {
  readonly node: ScratchNode;
  readonly pods: Runtime;
  readonly living: Container;
  gc(status: number, ...flags: string[]): Collected;
}

/** A node with one living, guarded container of the usual network. */
function placeFor(artifact: Artifact): Place {
  const node = createNode();
  const pods = runtime(node, artifact, network(node, { macspoofchk: true }));
  const living = node.container();
  succeeded(pods.add(living));
  return {
    node,
    pods,
    living,
    gc: (status, ...flags) => jsonOf(operate(node, artifact, ['gc', '--json', ...placeOf(node), ...flags]), status),
    [Symbol.dispose]: () => node.delete(),
  };
}

const leases = (node: ScratchNode) => readdirSync(`${node.dataDir}/pods`).filter((name) => /^[\d.]+$|:/.test(name));
const ruleset = (node: ScratchNode) => exec(node.ns, ['nft', 'list', 'ruleset']);

e2e('trestle gc', (artifact) => {
  test('finds nothing on a healthy node, and changes nothing', () => {
    using place = placeFor(artifact);
    const before = footprint(place.node);
    expect(place.gc(0)).toEqual({ dryRun: false, garbage: [], kept: [] });
    expect(operate(place.node, artifact, ['gc', ...placeOf(place.node)])).toMatchObject({
      status: 0,
      stdout: 'Nothing is left over.\n',
      stderr: '',
    });
    expect(footprint(place.node)).toEqual(before);
  });

  test('removes a dead attachment with all that it has on the node, and --dry-run only shows it', () => {
    using place = placeFor(artifact);
    const { node, pods } = place;
    const before = footprint(node);
    const [beforeLeases] = [leases(node).toSorted()];
    const dead = node.container();
    succeeded(pods.add(dead, { args: 'K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0' }));
    loseNamespace(node, dead);
    const item = {
      kind: 'attachment',
      network: 'pods',
      subject: 'shop/web-0 eth0 10.89.0.3 fd00:89::3',
      why: expect.stringContaining('and no process lives in it'),
    };
    const whole = footprint(node);
    eventually(() => expect(place.gc(1, '--dry-run')).toMatchObject({ dryRun: true, garbage: [item], kept: [] }));
    expect(footprint(node)).toEqual(whole);
    expect(ruleset(node)).toContain(dead.id);
    const { status, stdout } = operate(node, artifact, ['gc', '--dry-run', ...placeOf(node)]);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^KIND +NETWORK +SUBJECT +WHY\nattachment +pods +shop\/web-0 eth0/);
    expect(place.gc(0, '--network', 'other').garbage).toEqual([]);
    expect(place.gc(0).garbage).toMatchObject([{ ...item, outcome: 'removed' }]);
    expect(footprint(node)).toEqual(before);
    expect(leases(node).toSorted()).toEqual(beforeLeases);
    expect(place.gc(0).garbage).toEqual([]);
  });

  test('removes entries of packet filters that nothing owns, and keeps those of the living', () => {
    using place = placeFor(artifact);
    const { node, pods, living } = place;
    const [lost, emptied] = [node.container(), node.container()];
    succeeded(pods.add(lost));
    succeeded(pods.add(emptied));
    // The records of both are lost; one lives on, as its host veth shows.
    exec(node.ns, [
      'sh',
      '-c',
      `rm ${node.dataDir}/.trestle/pods/${lost.id}:eth0 ${node.dataDir}/.trestle/pods/${emptied.id}:eth0`,
    ]);
    loseNamespace(node, lost);
    const { garbage } = place.gc(0);
    expect(garbage.map(({ kind, outcome }) => `${kind} ${outcome}`)).toContain('packet filter removed');
    expect(garbage.every(({ subject }) => subject.includes(lost.id))).toBe(true);
    const left = ruleset(node);
    expect(left).not.toContain(lost.id);
    for (const { id } of [living, emptied]) expect(left).toContain(id);
    expect(ping(emptied.ns, '10.89.0.1')).toBe(true);
  });

  test('removes empty leases, broken records and leases of an earlier boot; keeps what nothing proves dead', () => {
    using place = placeFor(artifact);
    const { node } = place;
    const store = `${node.dataDir}/pods`;
    writeFileSync(`${store}/10.89.0.50`, '');
    writeFileSync(`${store}/10.89.0.51`, 'old\r\neth0');
    utimesSync(`${store}/10.89.0.51`, 1, 1);
    writeFileSync(`${store}/10.89.0.52`, 'foreign\r\neth0');
    writeFileSync(`${node.dataDir}/.trestle/pods/broken:eth0`, '{"version":');
    const { garbage, kept } = place.gc(0);
    expect(garbage).toMatchObject([
      { kind: 'lease', subject: 'old eth0 10.89.0.51', outcome: 'removed' },
      { kind: 'lease', subject: `${store}/10.89.0.50`, outcome: 'removed' },
      { kind: 'record', subject: expect.stringContaining('broken:eth0'), why: expect.stringContaining('not JSON') },
    ]);
    expect(kept).toMatchObject([{ containerID: 'foreign', why: 'there is a lease, and no record' }]);
    expect(leases(node).toSorted()).toEqual(['10.89.0.2', '10.89.0.52', 'fd00:89::2']);
    const { stdout } = operate(node, artifact, ['gc', ...placeOf(node)]);
    expect(stdout).toContain('Nothing proves these dead');
  });

  test('--attachment removes one that nothing proves dead, and never one that is alive', () => {
    using place = placeFor(artifact);
    const { node, living } = place;
    for (const at of [60, 61]) writeFileSync(`${node.dataDir}/pods/10.89.0.${at}`, `foreign${at}\r\neth0`);
    expect(place.gc(1, '--attachment', 'foreign60', '--dry-run').garbage).toMatchObject([{ kind: 'lease' }]);
    expect(place.gc(0, '--attachment', 'foreign60:eth0').garbage).toMatchObject([
      { subject: 'foreign60 eth0 10.89.0.60', outcome: 'removed' },
    ]);
    expect(leases(node)).not.toContain('10.89.0.60');
    expect(leases(node)).toContain('10.89.0.61');
    const refused = (wanted: string) => operate(node, artifact, ['gc', '--attachment', wanted, ...placeOf(node)]);
    expect(refused(living.id)).toMatchObject({ status: 2, stderr: expect.stringContaining('it is alive') });
    expect(refused('nothing')).toMatchObject({ status: 2, stderr: expect.stringContaining('no such attachment') });
    expect(link(node.ns, hostVeth(node, living).ifname)).toBeDefined();
  });

  test('leaves the data directory of another runtime alone', () => {
    using place = placeFor(artifact);
    const { node } = place;
    const other = `${node.directory}/other`;
    mkdirSync(other);
    const theirs = runtime(node, artifact, network({ dataDir: other }, { name: 'pods', bridge: 'cni9' }));
    const foreign = node.container();
    succeeded(theirs.add(foreign));
    loseNamespace(node, foreign);
    const before = ruleset(node);
    expect(place.gc(0).garbage).toEqual([]);
    expect(existsSync(`${other}/pods/10.89.0.2`)).toBe(true);
    expect(ruleset(node)).toBe(before);
  });
});
