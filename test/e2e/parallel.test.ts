/** Many calls at once, as when a node starts, on a bridge, a table and a store that nobody has made yet. */

import { expect, test } from 'bun:test';
import { succeeded } from '../support/cni.ts';
import { bridgePorts, cidrs, links } from '../support/kernel.ts';
import { leftovers } from '../support/leftovers.ts';
import { nftElements, nftRules } from '../support/nft.ts';
import { type Container, createNode, type ScratchNode } from '../support/node.ts';
import { lighter } from '../support/patience.ts';
import { type Runtime, runtime } from '../support/runtime.ts';
import { ping } from '../support/traffic.ts';
import { e2e, ipam, network, V4, V6 } from './support/network.ts';

function many(node: ScratchNode, count: number): Container[] {
  return Array.from({ length: count }, () => node.container());
}

async function addAll(pods: Runtime, containers: readonly Container[]): Promise<void> {
  for (const outcome of await Promise.all(containers.map((container) => pods.addAsync(container)))) succeeded(outcome);
}

async function delAll(pods: Runtime, containers: readonly Container[]): Promise<void> {
  for (const outcome of await Promise.all(containers.map((container) => pods.delAsync(container)))) succeeded(outcome);
}

e2e('at once', (artifact) => {
  const count = lighter(artifact.name === 'dist/trestle' ? 100 : 30);

  test(`${count} ADDs, then ${count} DELs`, async () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const containers = many(node, count);
    const before = leftovers(node);
    await addAll(pods, containers);

    const given = containers.flatMap(({ ns }) => cidrs(ns, 'eth0'));
    expect(new Set(given).size).toBe(2 * count);
    expect(bridgePorts(node.ns).filter(({ master }) => master === 'cni0')).toHaveLength(count);
    expect(links(node.ns, 'bridge')).toHaveLength(1);
    expect(cidrs(node.ns, 'cni0')).toEqual([`${V4.gateway}/24`, `${V6.gateway}/64`]);
    const owners = nftElements(node.ns).map(({ comment }) => comment?.replace(/^pods@[0-9a-f]{8}/, 'pods'));
    expect(owners.sort()).toEqual(containers.flatMap(({ id }) => Array(2).fill(`pods/${id}/eth0`)).sort());
    expect(nftRules(node.ns)).toHaveLength(4);
    for (const container of containers.slice(0, 3)) succeeded(pods.check(container));

    await delAll(pods, containers);
    expect(leftovers(node)).toEqual(before);
  });

  test('containers come and go', async () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const [old, fresh, stay] = [many(node, 10), many(node, 10), node.container()];
    await addAll(pods, [...old, stay]);
    await Promise.all([delAll(pods, old), addAll(pods, fresh)]);
    const given = [...fresh, stay].flatMap(({ ns }) => cidrs(ns, 'eth0'));
    expect(new Set(given).size).toBe(22);
    expect(Object.keys(leftovers(node).containers).sort()).toEqual([...fresh, stay].map(({ id }) => id).sort());
    succeeded(pods.check(stay));
    expect(ping(stay.ns, V4.gateway)).toBe(true);
  });

  test('ten ask for five addresses: five get one, and the others leave nothing', async () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node, { ipam: ipam(node, ['10.89.0.0/29']) }));
    const containers = many(node, 10);
    const outcomes = await Promise.all(containers.map((container) => pods.addAsync(container)));
    const codes = outcomes.flatMap(({ error }) => error?.code ?? []);
    expect(codes).toEqual([103, 103, 103, 103, 103]);
    const found = leftovers(node);
    expect(Object.keys(found.containers)).toHaveLength(5);
    expect(found.elements).toHaveLength(5);
    expect(Object.keys(found.files)).toHaveLength(10);
    await delAll(pods, containers);
    expect(leftovers(node)).toMatchObject({ files: {}, elements: [], containers: {} });
  });

  test('the same container five times: one ADD succeeds, and its attachment works', async () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const container = node.container();
    const before = leftovers(node);
    const outcomes = await Promise.all(Array.from({ length: 5 }, () => pods.addAsync(container)));
    expect(outcomes.filter(({ status }) => status === 0)).toHaveLength(1);
    expect(outcomes.flatMap(({ error }) => error?.code ?? [])).toEqual([102, 102, 102, 102]);
    expect(cidrs(container.ns, 'eth0')).toHaveLength(2);
    succeeded(pods.check(container));
    for (const { gateway } of [V4, V6]) expect(ping(container.ns, gateway)).toBe(true);
    await Promise.all([delAll(pods, [container]), delAll(pods, [container])]);
    expect(leftovers(node)).toEqual(before);
  });
});
