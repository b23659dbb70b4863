/** A bridge that has another address than the network's gateway. */

import { expect, test } from 'bun:test';
import { failed, succeeded } from '../support/cni.ts';
import { cidrs } from '../support/kernel.ts';
import { leftovers } from '../support/leftovers.ts';
import { exec } from '../support/netns.ts';
import { createNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { ping } from '../support/traffic.ts';
import { e2e, ipam, network } from './support/network.ts';

const OLD = '10.91.0.0/24';
const NEW = '10.92.0.0/24';

e2e('after a change of the subnet', (artifact) => {
  test('a bridge that nobody uses gets the new gateway address', () => {
    using node = createNode();
    const before = runtime(node, artifact, network(node, { ipam: ipam(node, [OLD]) }));
    const gone = node.container();
    succeeded(before.add(gone));
    succeeded(before.del(gone));
    const container = node.container();
    succeeded(runtime(node, artifact, network(node, { ipam: ipam(node, [NEW]) })).add(container));
    expect(cidrs(node.ns, 'cni0').filter((cidr) => cidr.startsWith('10.'))).toEqual(['10.92.0.1/24']);
    expect(ping(container.ns, '10.92.0.1')).toBe(true);
  });

  test('a bridge in use keeps its address; the error names both, the port, and the way out', () => {
    using node = createNode();
    succeeded(runtime(node, artifact, network(node, { ipam: ipam(node, [OLD]) })).add(node.container()));
    const container = node.container();
    const snapshot = leftovers(node);
    const error = failed(runtime(node, artifact, network(node, { ipam: ipam(node, [NEW]) })).add(container));
    expect(error.code).toBe(102);
    expect(error.msg).toContain('10.92.0.1/24');
    expect(error.msg).toContain('10.91.0.1/24');
    expect(error.details).toMatch(/in use by veth[0-9a-f]{11}\..*forceAddress/);
    expect(leftovers(node)).toEqual(snapshot);
  });

  test('forceAddress replaces it all the same', () => {
    using node = createNode();
    succeeded(runtime(node, artifact, network(node, { ipam: ipam(node, [OLD]) })).add(node.container()));
    const container = node.container();
    const forced = network(node, { ipam: ipam(node, [NEW]), forceAddress: true });
    succeeded(runtime(node, artifact, forced).add(container));
    expect(cidrs(node.ns, 'cni0').filter((cidr) => cidr.startsWith('10.'))).toEqual(['10.92.0.1/24']);
    expect(ping(container.ns, '10.92.0.1')).toBe(true);
  });

  test('an IPv6 address of another subnet stays beside the new one', () => {
    using node = createNode();
    succeeded(runtime(node, artifact, network(node, { ipam: ipam(node, ['fd00:91::/64']) })).add(node.container()));
    succeeded(runtime(node, artifact, network(node, { ipam: ipam(node, ['fd00:92::/64']) })).add(node.container()));
    const global = cidrs(node.ns, 'cni0').filter((cidr) => cidr.startsWith('fd00'));
    expect(global).toEqual(['fd00:91::1/64', 'fd00:92::1/64']);
  });

  test('a bridge that somebody else made and addressed is used as it is', () => {
    using node = createNode();
    exec(node.ns, ['ip', 'link', 'add', 'cni0', 'type', 'bridge']);
    exec(node.ns, ['ip', 'address', 'add', '10.92.0.1/24', 'dev', 'cni0']);
    const container = node.container();
    succeeded(runtime(node, artifact, network(node, { ipam: ipam(node, [NEW]) })).add(container));
    expect(ping(container.ns, '10.92.0.1')).toBe(true);
  });
});
