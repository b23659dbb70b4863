/** The interface of a container that another plugin made, as the reference does: which is removed, and which is not. */

import { expect, test } from 'bun:test';
import { removeForeignInterface } from '../../../src/resources/port/unrecorded.ts';
import { links } from '../../support/kernel.ts';
import { createNetns, ipBatch, type Netns } from '../../support/netns.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { ATTACHMENT } from '../support/attach.ts';
import { withKernels } from '../support/inside.ts';

const veths = (ns: Netns) => links(ns, 'veth').map(({ ifname }) => ifname);

/** Has DEL look for the interface of a container that is plugged in as `commands` say, with `vx` on the node. */
function remove(commands: (container: Netns) => string, change: (node: Netns, container: Netns) => void = () => {}) {
  using node = createNetns();
  using container = createNetns();
  ipBatch(node, `link add cni0 type bridge\n${commands(container)}`);
  change(node, container);
  withKernels(node, container, (kernels) =>
    removeForeignInterface(kernels.node, { ...ATTACHMENT, netns: container.path }, 'cni0'),
  );
  return [...veths(node), ...veths(container)];
}

const onBridge = ({ name }: Netns) => `link add vx type veth peer name eth0 netns ${name}\nlink set vx master cni0`;

describeOnKernel('an interface that another plugin made', () => {
  test('is removed with the port at its other end', () => {
    expect(remove(onBridge)).toEqual([]);
  });

  test.each([
    ['whose other end is on no bridge', 'link set vx nomaster'],
    ['whose other end is on another bridge', 'link add br9 type bridge\nlink set vx master br9'],
    ['whose other end is an attachment’s of ours', 'link set vx alias trestle:pods/other/eth0'],
    ['where the bridge is gone', 'link del cni0'],
  ])('stays: one %s', (_, commands) => {
    expect(remove(onBridge, (node) => ipBatch(node, commands))).toEqual(['vx', 'eth0']);
  });

  test('stays where it has another name, or is no veth', () => {
    const rename = (_: Netns, container: Netns) => ipBatch(container, 'link set eth0 name eth9');
    expect(remove(onBridge, rename)).toEqual(['vx', 'eth9']);
    expect(
      remove(onBridge, (_, container) => ipBatch(container, 'link set eth0 name eth9\nlink add eth0 type bridge')),
    ).toEqual(['vx', 'eth9']);
  });

  test('stays where its other end is in a third namespace, and with it the port of the same index here', () => {
    using third = createNetns();
    using neighbour = createNetns();
    const here = `link add vx index 77 type veth peer name eth0 index 78 netns ${neighbour.name}\nlink set vx master cni0`;
    const left = remove(
      () => here,
      (_, { name }) => ipBatch(third, `link add vy index 77 type veth peer name eth0 index 78 netns ${name}`),
    );
    expect(left).toEqual(['vx', 'eth0']);
  });

  test('went with its namespace, where that is gone', () => {
    using node = createNetns();
    using container = createNetns();
    ipBatch(node, 'link add cni0 type bridge');
    withKernels(node, container, (kernels) => {
      const missing = { ...ATTACHMENT, netns: '/run/netns/not-there' };
      expect(() => removeForeignInterface(kernels.node, missing, 'cni0')).not.toThrow();
    });
  });
});
