/** CNI_NETNS_OVERRIDE: the node's own network namespace may be the container's, as the specification's library has it. */

import { expect, test } from 'bun:test';
import { failed, succeeded } from '../support/cni.ts';
import { leftovers } from '../support/leftovers.ts';
import { createNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { e2e, mustLink, network } from './support/network.ts';

e2e('the own network namespace', (artifact) => {
  test.each(['1', 'TRUE'])('is a container with CNI_NETNS_OVERRIDE=%s, from ADD to DEL', (value) => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const before = leftovers(node);
    const options = { env: { CNI_NETNS_OVERRIDE: value }, ifName: 'eth7' };
    const self = { id: 'self', netnsPath: node.ns.path };
    succeeded(pods.add(self, options));
    expect(mustLink(node.ns, 'eth7').flags).toContain('UP');
    succeeded(pods.check(self, options));
    succeeded(pods.del(self, { ...options, env: {} }));
    expect(leftovers(node)).toEqual(before);
  });

  test.each(['', '0', 'yes'])('is refused with CNI_NETNS_OVERRIDE=%p', (value) => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const options = { env: { CNI_NETNS_OVERRIDE: value } };
    expect(failed(pods.add({ id: 'self', netnsPath: node.ns.path }, options)).code).toBe(4);
  });
});
