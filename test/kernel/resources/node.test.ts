/** The ways into the kernel that one call uses. */

import { expect, test } from 'bun:test';
import { formatCidr } from '../../../src/address/cidr.ts';
import { silentLog } from '../../../src/log.ts';
import { findAddresses, findLink, findLinks } from '../../../src/resources/links.ts';
import { openNode, withContainer } from '../../../src/resources/node.ts';
import { faultOf } from '../../support/fault.ts';
import { createNetns, ipBatch } from '../../support/netns.ts';
import { openedSince, openFiles } from '../../support/open-files.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { currentNetns, inside, withKernels, withRoute } from '../support/inside.ts';

describeOnKernel('the sockets', () => {
  test('look into the node, and into the container without being there', () => {
    using node = createNetns();
    using container = createNetns();
    ipBatch(node, 'link add on-node type bridge');
    ipBatch(container, 'link add in-there type bridge');
    const seen = withKernels(node, container, (kernels) => {
      const here = currentNetns();
      const names = [kernels.node, kernels.container].map(({ route }) => findLinks(route).map(({ name }) => name));
      const there = kernels.container.within(currentNetns);
      return { names, places: [here, there, currentNetns()] };
    });
    expect(seen.names).toEqual([
      ['lo', 'on-node'],
      ['lo', 'in-there'],
    ]);
    const [before, there, after] = seen.places;
    expect([after, there === before]).toEqual([before as string, false]);
  });

  test('for nftables is opened when it is wanted, once', () => {
    using node = createNetns();
    inside(node, () => {
      const kernel = openNode('', silentLog);
      const before = openFiles();
      expect(kernel.nft()).toBe(kernel.nft());
      expect(openedSince(before)).toEqual([expect.stringContaining('socket:')]);
      kernel.close();
    });
  });

  test('are all closed afterwards', () => {
    using node = createNetns();
    using container = createNetns();
    const before = openFiles();
    withKernels(node, container, (kernels) => kernels.node.nft());
    expect(openedSince(before)).toEqual([]);
  });

  test.each(['/run/netns/there-is-none', '/dev/null', '/proc/self/ns/uts'])(
    'into %s are refused, and nothing stays open',
    (path) => {
      using node = createNetns();
      inside(node, () => {
        const kernel = openNode('', silentLog);
        const before = openFiles();
        expect(faultOf(() => withContainer(kernel, path, () => undefined)).kind).toBe('environment');
        expect(openedSince(before)).toEqual([]);
        kernel.close();
      });
    },
  );
});

describeOnKernel('looking links up', () => {
  test('by name, by index, by bridge', () => {
    using ns = createNetns();
    ipBatch(ns, 'link add br0 type bridge\n link add left type veth peer name right\n link set left master br0');
    withRoute(ns, (connection) => {
      const [bridge, left] = [findLink(connection, 'br0'), findLink(connection, 'left')];
      expect([bridge?.kind, left?.master, left?.peer]).toEqual([
        'bridge',
        bridge?.index as number,
        findLink(connection, 'right')?.index as number,
      ]);
      expect(findLink(connection, left?.index ?? 0)).toEqual(left as never);
      expect(findLinks(connection, bridge?.index).map(({ name }) => name)).toEqual(['left']);
      expect(findLinks(connection).map(({ name }) => name)).toEqual(['lo', 'br0', 'right', 'left']);
    });
  });

  test('that are not there', () => {
    using ns = createNetns();
    withRoute(ns, (connection) => {
      expect([findLink(connection, 'nothere'), findLink(connection, 4711)]).toEqual([undefined, undefined]);
      expect(findLinks(connection, 4711)).toEqual([]);
    });
  });

  test('with their addresses, of one family', () => {
    using ns = createNetns();
    ipBatch(ns, 'link add br0 type bridge\n address add 10.1.0.1/24 dev br0\n address add fd00::1/64 dev br0');
    withRoute(ns, (connection) => {
      const index = findLink(connection, 'br0')?.index ?? 0;
      const found = ([4, 6] as const).map((family) => findAddresses(connection, index, family));
      expect(found.map((list) => list.map(({ address }) => formatCidr(address)))).toEqual([
        ['10.1.0.1/24'],
        ['fd00::1/64'],
      ]);
      expect(findAddresses(connection, 1, 4)).toEqual([]);
    });
  });
});
