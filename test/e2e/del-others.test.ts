/** DEL takes what is the attachment's own, and nothing that anybody else has. */

import { expect, test } from 'bun:test';
import { reference } from '../support/artifacts.ts';
import { succeeded } from '../support/cni.ts';
import { cidrs, link } from '../support/kernel.ts';
import { leftovers } from '../support/leftovers.ts';
import { exec, ipBatch } from '../support/netns.ts';
import { nftElements } from '../support/nft.ts';
import { createNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { ping } from '../support/traffic.ts';
import { e2e, ipam, loseNamespace, network, replaceLease, V4, V6 } from './support/network.ts';

e2e("DEL leaves others' things alone", (artifact) => {
  test('the other container, even when its result is handed in', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const other = node.container();
    const prevResult = succeeded(pods.add(other));
    const before = leftovers(node);
    const container = node.container();
    succeeded(pods.del(container, { prevResult }));
    succeeded(pods.add(container));
    succeeded(pods.del(container, { prevResult }));
    expect(leftovers(node)).toEqual(before);
    succeeded(pods.check(other));
    expect(ping(other.ns, V4.gateway)).toBe(true);
  });

  test('another container that its namespace belongs to', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const other = node.container();
    succeeded(pods.add(other));
    const before = leftovers(node);
    succeeded(pods.del({ id: 'never-added', netnsPath: other.netnsPath }));
    expect(leftovers(node)).toEqual(before);
    succeeded(pods.check(other));
  });

  test('the other interface of the same container', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node, { isDefaultGateway: false, isGateway: true }));
    const container = node.container();
    succeeded(pods.add(container, { ifName: 'net1' }));
    const before = leftovers(node);
    succeeded(pods.add(container));
    succeeded(pods.del(container));
    expect(leftovers(node)).toEqual(before);
    succeeded(pods.check(container, { ifName: 'net1' }));
  });

  test('the same container on another network', () => {
    using node = createNode();
    const container = node.container();
    const other = network(node, {
      name: 'pods2',
      bridge: 'cni1',
      isDefaultGateway: false,
      ipam: ipam(node, ['10.90.0.0/24']),
    });
    const pods2 = runtime(node, artifact, other);
    succeeded(pods2.add(container, { ifName: 'net1' }));
    const before = leftovers(node);
    const pods = runtime(node, artifact, network(node));
    succeeded(pods.add(container));
    succeeded(pods.del(container));
    succeeded(pods.del(container, { ifName: 'net1' }));
    expect(leftovers(node)).toEqual(before);
    succeeded(pods2.check(container, { ifName: 'net1' }));
  });

  test('containers whose names begin alike', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const [one, two] = [node.container(), node.container()];
    const long = { id: 'web-1', netnsPath: one.netnsPath };
    const short = { id: 'web', netnsPath: two.netnsPath };
    succeeded(pods.add(long));
    const before = leftovers(node);
    succeeded(pods.add(short));
    succeeded(pods.del(short));
    expect(leftovers(node)).toEqual(before);
    succeeded(pods.check(long));
  });

  test('an address that was given to somebody else meanwhile', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const container = node.container();
    succeeded(pods.add(container));
    replaceLease(node, V4.first, 'other\r\neth0');
    const set = 'inet trestle masq-pods-10.89.0.0/24';
    const theirs = `{ ${V4.first} comment "pods/other/eth0" }`;
    exec(node.ns, ['nft', '-f', '-'], {
      stdin: `delete element ${set} { ${V4.first} }\nadd element ${set} ${theirs}\n`,
    });
    succeeded(pods.del(container));
    expect(leftovers(node).files).toEqual({ [`pods/${V4.first}`]: 'other\r\neth0' });
    expect(nftElements(node.ns)).toMatchObject([{ value: V4.first, comment: 'pods/other/eth0' }]);
  });

  test('an interface of that name that somebody else made', () => {
    using node = createNode();
    const container = node.container();
    ipBatch(node.ns, `link add cni0 type bridge\n link add mine type veth peer name eth0 netns ${container.ns.name}`);
    const before = leftovers(node);
    succeeded(runtime(node, artifact, network(node)).del(container));
    expect(leftovers(node)).toEqual(before);
  });

  test("the node's own interface of that name", () => {
    using node = createNode({ outside: true });
    const container = node.container();
    succeeded(runtime(node, artifact, network(node)).del({ id: container.id, netnsPath: node.ns.path }));
    expect(link(node.ns, 'eth0')).toBeDefined();
  });
});

e2e('DEL of what the reference plugin made', (artifact) => {
  const both = { type: 'bridge', ipMasq: false, cniVersion: '1.0.0' };

  test.each([
    ['with prevResult', {}],
    ['without prevResult', { prevResult: null }],
  ])('takes interface and leases: %s', (_, options) => {
    using node = createNode();
    const config = network(node, { ...both, ipam: ipam(node, [V4.subnet, V6.subnet], { type: 'host-local' }) });
    const theirs = runtime(node, reference('bridge'), config);
    const ours = runtime(node, artifact, config);
    const [container, other] = [node.container(), node.container()];
    const before = leftovers(node);
    const prevResult = succeeded(theirs.add(container));
    expect(cidrs(container.ns, 'eth0')).toEqual([`${V4.first}/24`, `${V6.first}/64`]);
    succeeded(ours.del(other));
    succeeded(ours.check(container, { prevResult }));
    succeeded(ours.del(container, { prevResult, ...options }));
    expect(leftovers(node)).toEqual(before);
    succeeded(ours.del(container, { prevResult }));
  });

  test('takes the leases when the namespace is gone, and leaves those of the others', () => {
    using node = createNode();
    const config = network(node, { ...both, ipam: ipam(node, [V4.subnet, V6.subnet], { type: 'host-local' }) });
    const theirs = runtime(node, reference('bridge'), config);
    const [container, other] = [node.container(), node.container()];
    succeeded(theirs.add(other));
    const before = leftovers(node);
    succeeded(theirs.add(container));
    loseNamespace(node, container);
    succeeded(runtime(node, artifact, config).del(container, { env: { CNI_NETNS: '' } }));
    expect(leftovers(node)).toEqual(before);
    succeeded(theirs.check(other));
  });
});
