/** The port of an attachment: each thing that may be off with it, what survives its removal, and whose it is. */

import { expect, test } from 'bun:test';
import type { Fault } from '../../../src/fault.ts';
import { type PortWanted, portKind } from '../../../src/resources/port/port.ts';
import { link, links } from '../../support/kernel.ts';
import { createNetns, exec, ipBatch, type Netns } from '../../support/netns.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { ATTACHMENT } from '../support/attach.ts';
import { type Kernels, withKernels } from '../support/inside.ts';
import { ensureAttachment, ensureAttachmentOf, ensurePort, PORT } from '../support/port.ts';

const NAME = PORT.name;
const veths = (ns: Netns) => links(ns, 'veth').map(({ ifname }) => ifname);

/** Runs something with two fresh namespaces, the node's and the container's. */
function withFresh(act: (kernels: Kernels, node: Netns, container: Netns) => void): void {
  using node = createNetns();
  using container = createNetns();
  withKernels(node, container, (kernels) => act(kernels, node, container));
}

function finding({ node }: Kernels, changes: Partial<PortWanted> = {}): Fault | undefined {
  return portKind.verify(node, { ...PORT, ...changes });
}

describeOnKernel('a port', () => {
  test('as it was made is in order, in either case of its MAC and without one that is known', () => {
    withFresh((kernels) => {
      ensureAttachment(kernels);
      expect(finding(kernels)).toBeUndefined();
      expect(finding(kernels, { mac: undefined, mtu: undefined, hairpin: false, isolated: false })).toBeUndefined();
    });
  });

  test('that is to stay down is down, and is off when it is up', () => {
    withFresh((kernels, _, container) => {
      ensurePort(kernels, { keepDown: true });
      expect(finding(kernels, { keepDown: true })).toBeUndefined();
      exec(container, ['ip', 'link', 'set', 'eth0', 'up']);
      const message = 'the interface eth0 in the container is up, expected down';
      expect(finding(kernels, { keepDown: true })?.message).toBe(message);
    });
  });

  test.each([
    ['ip link del cni0', `the host veth ${NAME} is not a port of cni0: it is on no bridge`],
    [`ip link del ${NAME}`, `the host veth ${NAME} is missing`],
    [`ip link del ${NAME}; ip link add ${NAME} type bridge`, `${NAME} is no veth but bridge`],
    [`ip link set ${NAME} down`, `the host veth ${NAME} is down, expected up`],
    [`ip link set ${NAME} nomaster`, `the host veth ${NAME} is not a port of cni0: it is on no bridge`],
    [
      `ip link add br9 type bridge; ip link set ${NAME} master br9`,
      `the host veth ${NAME} is not a port of cni0: it is a port of br9`,
    ],
    [`ip link set ${NAME} mtu 1300`, `the MTU of ${NAME} is 1300, expected 1400`],
    [`bridge link set dev ${NAME} hairpin off`, `hairpin mode of ${NAME} is off, expected on`],
    [`bridge link set dev ${NAME} isolated off`, `port isolation of ${NAME} is off, expected on`],
    ['in ip link set eth0 down', 'the interface eth0 in the container is down, expected up'],
    ['in ip link set eth0 down; ip link set eth0 name eth9', 'the interface eth0 is missing in the container'],
    [
      'in ip link set eth0 down; ip link set eth0 name eth9; ip link add eth0 up type veth peer name x; ip link set x up',
      `the interface eth0 in the container is not the other end of ${NAME}`,
    ],
    [
      'in ip link set eth0 address 02:00:00:00:00:99',
      'the MAC of eth0 in the container is 02:00:00:00:00:99, expected ',
    ],
  ])('%s', (command, message) => {
    withFresh((kernels, node, container) => {
      ensureAttachment(kernels);
      const inContainer = command.startsWith('in ');
      exec(inContainer ? container : node, ['sh', '-c', inContainer ? command.slice(3) : command]);
      const fault = finding(kernels);
      expect(fault?.kind).toBe('check');
      expect(fault?.message).toStartWith(message);
    });
  });

  test('is removed with both its ends, and a second time without an error', () => {
    withFresh((kernels, node, container) => {
      ensurePort(kernels);
      for (const _ of [1, 2]) portKind.remove?.(kernels.node, PORT);
      expect([...veths(node), ...veths(container)]).toEqual([]);
      expect([...kernels.node.links.keys()]).not.toContain(NAME);
    });
  });
});

describeOnKernel('a LAN bridge that has the MAC of its interface', () => {
  test('keeps it, whatever containers are attached', () => {
    using node = createNetns();
    ipBatch(node, 'link add cni0 type bridge\nlink add nic address fc:ff:ff:ff:ff:ff type veth peer name lan');
    ipBatch(node, 'link set nic master cni0 up\nlink set lan up\nlink set cni0 up');
    const macs = Array.from({ length: 6 }, (_, number) => {
      using container = createNetns();
      withKernels(node, container, (kernels) => ensureAttachmentOf(`c${number}`, kernels));
      return link(node, 'cni0')?.address;
    });
    expect(macs).toEqual(macs.map(() => 'fc:ff:ff:ff:ff:ff'));
  });
});

describeOnKernel('what is taken', () => {
  test('the interface’s name in the container: the error names it, and nothing is made', () => {
    withFresh((kernels, node, container) => {
      ipBatch(container, 'link add eth0 address 02:00:00:00:00:99 type veth peer name other');
      expect(() => ensurePort(kernels)).toThrow(
        `cannot create eth0 in ${container.path}: the container has an interface of that name`,
      );
      expect([veths(node), kernels.node.leftovers]).toEqual([[], []]);
      expect(link(container, 'eth0')?.address).toBe('02:00:00:00:00:99');
    });
  });

  test.each([['bridge'], ['veth']])(
    'the host veth’s name, by another’s %s: that stays, and nothing is made',
    (type) => {
      withFresh((kernels, node, container) => {
        ipBatch(node, `link add ${NAME} address 02:00:00:00:00:98 type ${type}`);
        expect(() => ensurePort(kernels)).toThrow(`cannot create ${NAME} for eth0 of abc: ${NAME} exists already`);
        expect([veths(container), kernels.node.leftovers]).toEqual([[], []]);
        expect(link(node, NAME)?.address).toBe('02:00:00:00:00:98');
      });
    },
  );
});

describeOnKernel('a survey of ports', () => {
  const scope = { network: 'pods', dataDir: '/data' };
  const isOf = (kernels: Kernels, network: string, owner: { containerId: string; ifName: string }) =>
    portKind.survey(kernels.node, { ...scope, network }).map((one) => [one.what, one.isOf(owner)]);

  test('finds those of the network, of recorded attachments and of others, and whose they are', () => {
    withFresh((kernels) => {
      ensurePort(kernels, { dataDir: scope.dataDir });
      const { containerId, ifName } = ATTACHMENT;
      const what = `the host veth ${NAME}`;
      expect(isOf(kernels, 'pods', { containerId, ifName })).toEqual([[what, true]]);
      expect(isOf(kernels, 'pods', { containerId, ifName: 'eth1' })).toEqual([[what, false]]);
      expect(isOf(kernels, 'pods', { containerId: 'abcd', ifName })).toEqual([[what, false]]);
    });
  });

  test('finds none of another data directory or network, not even of one whose name begins alike, and no other links', () => {
    withFresh((kernels, node) => {
      ensurePort(kernels, { dataDir: scope.dataDir });
      ipBatch(node, 'link add veth9 type veth peer name other\nlink set veth9 alias pods/abc/eth0');
      for (const network of ['pod', 'pods2', 'other']) expect(isOf(kernels, network, ATTACHMENT)).toEqual([]);
      expect(isOf(kernels, 'pods', ATTACHMENT)).toHaveLength(1);
      expect(portKind.survey(kernels.node, { network: 'pods', dataDir: '/other' })).toEqual([]);
    });
  });

  test('has the owner of an attachment whose names are as long as they may be', () => {
    const long = { containerId: 'c'.repeat(200), ifName: 'eth0' };
    withFresh((kernels) => {
      ensurePort(kernels, { ...long, network: 'n'.repeat(200), dataDir: scope.dataDir });
      expect(isOf(kernels, 'n'.repeat(200), long)).toEqual([[`the host veth ${NAME}`, true]]);
      expect(isOf(kernels, 'n'.repeat(200), { ...long, ifName: 'eth1' })).toEqual([[`the host veth ${NAME}`, false]]);
    });
  });

  test('removes what it found', () => {
    withFresh((kernels, node, container) => {
      ensurePort(kernels, { dataDir: scope.dataDir });
      for (const one of portKind.survey(kernels.node, scope)) one.remove();
      expect([...veths(node), ...veths(container)]).toEqual([]);
      expect(portKind.survey(kernels.node, scope)).toEqual([]);
    });
  });
});
