/** The veth pair: born in place, or not at all. */

import { expect, test } from 'bun:test';
import { formatMac } from '../../../src/address/mac.ts';
import type { Connection } from '../../../src/netlink/connection.ts';
import { AF_INET6, RTM_GETLINK, RTM_NEWLINK } from '../../../src/netlink/route/constants.ts';
import { hostVethMac, hostVethName } from '../../../src/resources/names.ts';
import { removeHostVeth } from '../../../src/resources/port/veth.ts';
import { EAGAIN, ENOBUFS } from '../../../src/sys/errno.ts';
import { SystemError } from '../../../src/sys/libc.ts';
import { faultOf } from '../../support/fault.ts';
import { addresses, bridgePorts, link, links } from '../../support/kernel.ts';
import { createNetns, exec, ipBatch, type Netns } from '../../support/netns.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { ATTACHMENT, bridgeOf, plugIn, SETTINGS } from '../support/attach.ts';
import { type Kernels, withKernels, withRoute } from '../support/inside.ts';
import { before, type Look, spyOnNode } from '../support/spy.ts';

const NAME = hostVethName(ATTACHMENT);
const ENOMEM = 12;

const veths = (ns: Netns) => links(ns, 'veth').map(({ ifname }) => ifname);

describeOnKernel('a veth pair', () => {
  test('has one end up on the bridge, the other down in the container', () => {
    using node = createNetns();
    using container = createNetns();
    const pair = withKernels(node, container, (kernels) => plugIn(kernels));
    const [host, inside] = [link(node, NAME), link(container, 'eth0')];
    expect(host).toMatchObject({ master: 'cni0', mtu: 1400, address: formatMac(hostVethMac(ATTACHMENT)) });
    expect(host).toMatchObject({ ifalias: 'trestle:pods/abc/eth0', flags: expect.arrayContaining(['UP']) });
    expect(inside).toMatchObject({ mtu: 1400, address: formatMac(SETTINGS.containerMac), operstate: 'DOWN' });
    expect([host?.link_index, inside?.link_index]).toEqual([inside?.ifindex, host?.ifindex]);
    expect([pair.host.index, pair.container.index]).toEqual([host?.ifindex as number, inside?.ifindex as number]);
    expect(links(container).map(({ ifname }) => ifname)).toEqual(['lo', 'eth0']);
  });

  test('is made by one request', () => {
    using node = createNetns();
    using container = createNetns();
    const seen = withKernels(node, container, (kernels) => {
      bridgeOf(kernels);
      const types: number[] = [];
      const note: Look = (_, some) => {
        types.push(...some);
        return undefined;
      };
      plugIn(spyOnNode(kernels, note));
      return types;
    });
    expect(seen.filter((type) => type === RTM_NEWLINK)).toEqual([RTM_NEWLINK]);
  });

  test('makes no link-local address on the node', () => {
    using node = createNetns();
    using container = createNetns();
    withKernels(node, container, (kernels) => plugIn(kernels));
    exec(container, ['ip', 'link', 'set', 'eth0', 'up']);
    expect(link(node, NAME)?.inet6_addr_gen_mode).toBe('none');
    expect(addresses(node, NAME, { linkLocal: true })).toEqual([]);
    expect(addresses(container, 'eth0', { linkLocal: true })).toHaveLength(1);
  });

  test('has the kernel’s MTU where none is asked for', () => {
    using node = createNetns();
    using container = createNetns();
    withKernels(node, container, (kernels) => plugIn(kernels, { mtu: undefined }));
    expect([link(node, NAME)?.mtu, link(container, 'eth0')?.mtu]).toEqual([1500, 1500]);
  });

  test.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])('has its port’s options: hairpin %p, isolated %p', (hairpin, isolated) => {
    using node = createNetns();
    using container = createNetns();
    withKernels(node, container, (kernels) => plugIn(kernels, { port: { hairpin, isolated } }));
    expect(bridgePorts(node)).toMatchObject([{ ifname: NAME, hairpin, isolated }]);
  });
});

describeOnKernel('a kernel that was started without IPv6', () => {
  test('gets a pair all the same, with its label', () => {
    using node = createNetns();
    using container = createNetns();
    withKernels(node, container, (kernels) => {
      bridgeOf(kernels);
      plugIn(spyOnNode(kernels, withoutIpv6));
    });
    expect(link(node, NAME)).toMatchObject({ master: 'cni0', ifalias: 'trestle:pods/abc/eth0' });
  });
});

describeOnKernel('removing', () => {
  test('does not mind absence, and takes the other end along', () => {
    using node = createNetns();
    using container = createNetns();
    withKernels(node, container, (kernels) => plugIn(kernels));
    expect(withRoute(node, (connection) => [1, 2].map(() => removeHostVeth(connection, NAME)))).toEqual([true, false]);
    expect(veths(container)).toEqual([]);
  });
});

describeOnKernel('removing what may not be removed', () => {
  test('is an error', () => {
    using node = createNetns();
    const remove = (connection: Connection) => removeHostVeth(connection, 'lo');
    expect(() => withRoute(node, remove)).toThrow('cannot delete the interface lo: operation not supported');
  });
});

describeOnKernel('a name that is taken', () => {
  test('in the container: nothing is made, and what is there stays', () => {
    using node = createNetns();
    using container = createNetns();
    ipBatch(container, 'link add eth0 address 02:00:00:00:00:99 type veth peer name other');
    withKernels(node, container, (kernels) => {
      const fault = faultOf(() => plugIn(kernels));
      expect(fault.kind).toBe('conflict');
      expect(fault.message).toBe(
        `cannot create eth0 in ${container.path}: the container has an interface of that name`,
      );
      expect(fault.details).toContain('CNI_IFNAME');
    });
    expect(veths(node)).toEqual([]);
    expect(link(container, 'eth0')?.address).toBe('02:00:00:00:00:99');
  });

  test('on the node: nothing is made in the container, and what is there stays as it was', () => {
    using node = createNetns();
    using container = createNetns();
    ipBatch(node, `link add ${NAME} address 02:00:00:00:00:99 type veth peer name other`);
    const fault = withKernels(node, container, (kernels) => faultOf(() => plugIn(kernels)));
    expect(fault.kind).toBe('conflict');
    expect(fault.message).toBe(`cannot create ${NAME} for eth0 of abc: ${NAME} exists already`);
    expect(fault.details).toContain('DEL');
    expect(veths(container)).toEqual([]);
    const found = link(node, NAME);
    expect([found?.address, found?.ifalias]).toEqual(['02:00:00:00:00:99', undefined]);
    expect(found?.inet6_addr_gen_mode).toBe('eui64');
  });
});

describeOnKernel('what is refused half-way', () => {
  test.each([
    ['the label', 'cannot label', elsewhere(Buffer.from('trestle:'))],
    ['having no link-local address', 'cannot keep', elsewhere(Buffer.from([12, 0, AF_INET6, 0x80]))],
  ])('leaves nothing: %s', (_, message, look) => {
    using node = createNetns();
    using container = createNetns();
    withKernels(node, container, (kernels) => {
      bridgeOf(kernels);
      expect(() => plugIn(spyOnNode(kernels, look))).toThrow(message);
      expect(kernels.node.leftovers).toEqual([]);
    });
    expect([...veths(node), ...veths(container)]).toEqual([]);
  });

  test('leaves nothing: what somebody else removes at once', () => {
    using node = createNetns();
    using container = createNetns();
    const remove = () => exec(node, ['ip', 'link', 'delete', NAME]);
    withKernels(node, container, (kernels) => {
      bridgeOf(kernels);
      const look = before(RTM_GETLINK, remove, RTM_NEWLINK);
      const fault = faultOf(() => plugIn(spyOnNode(kernels, look)));
      expect([fault.kind, fault.message]).toEqual(['busy', expect.stringContaining(NAME)]);
    });
    expect([...veths(node), ...veths(container)]).toEqual([]);
  });

  test('the pair itself, with the kernel’s reason', () => {
    using node = createNetns();
    using container = createNetns();
    const make = () => withKernels(node, container, (kernels) => plugIn(kernels, { mtu: 20 }));
    expect(make).toThrow(`cannot create the veth pair ${NAME} and eth0: invalid argument (EINVAL)`);
    expect([...veths(node), ...veths(container)]).toEqual([]);
  });
});

describeOnKernel('a creation that is not answered', () => {
  test('but was carried out: the pair is made and labelled', () => {
    using node = createNetns();
    using container = createNetns();
    withKernels(node, container, (kernels) => {
      bridgeOf(kernels);
      plugIn(unanswered(kernels, ENOBUFS));
    });
    expect(link(node, NAME)).toMatchObject({ master: 'cni0', ifalias: 'trestle:pods/abc/eth0' });
    expect(veths(container)).toEqual(['eth0']);
  });

  test('since the name is another’s: that one stays as it was', () => {
    using node = createNetns();
    using container = createNetns();
    ipBatch(node, `link add ${NAME} address 02:00:00:00:00:99 type veth peer name other`);
    withKernels(node, container, (kernels) => {
      bridgeOf(kernels);
      const fault = faultOf(() => plugIn(unanswered(kernels, ENOBUFS)));
      expect([fault.kind, fault.message]).toEqual([
        'conflict',
        `cannot create ${NAME} for eth0 of abc: ${NAME} exists already`,
      ]);
    });
    expect(link(node, NAME)).toMatchObject({ address: '02:00:00:00:00:99' });
    expect(link(node, NAME)?.ifalias).toBeUndefined();
  });

  test('since the container is attached already: that attachment stays', () => {
    using node = createNetns();
    using container = createNetns();
    withKernels(node, container, (kernels) => {
      plugIn(kernels);
      const fault = faultOf(() => plugIn(unanswered(kernels, ENOBUFS)));
      expect([fault.kind, fault.message]).toEqual(['conflict', expect.stringContaining('cannot create eth0 in')]);
    });
    expect([...veths(node), ...veths(container)]).toEqual([NAME, 'eth0']);
  });

  test.each([
    [EAGAIN, 'no answer in time (EAGAIN)'],
    [ENOMEM, 'out of memory (ENOMEM)'],
  ])('in time, or at all (%d), is an error, after which nothing is left', (errno, reason) => {
    using node = createNetns();
    using container = createNetns();
    withKernels(node, container, (kernels) => {
      bridgeOf(kernels);
      const make = () => plugIn(unanswered(kernels, errno));
      expect(make).toThrow(`cannot create the veth pair ${NAME} and eth0: ${reason}`);
      expect(kernels.node.leftovers).toEqual([]);
    });
    expect([...veths(node), ...veths(container)]).toEqual([]);
  });
});

/** The first thing received after a link was created is this error. */
function unanswered(kernels: Kernels, errno: number): Kernels {
  let [due, past] = [false, false];
  const noting: Look = (_, types) => {
    due = types.includes(RTM_NEWLINK) && !past;
    return undefined;
  };
  const spied = spyOnNode(kernels, noting);
  const { route } = spied.node;
  const receive = () => {
    const datagram = route.transport.receive();
    if (!due) return datagram;
    [due, past] = [false, true];
    throw new SystemError('recv', errno);
  };
  return { ...spied, node: { ...spied.node, route: { ...route, transport: { ...route.transport, receive } } } };
}

/** Has the kernel refuse the datagram that holds `part`: it is then for a link that is not there. */
function elsewhere(part: Buffer): Look {
  return (datagram) => {
    const copy = Buffer.from(datagram);
    const at = copy.indexOf(part);
    if (at >= 0) copy[copy.lastIndexOf(Buffer.from(NAME), at)] = 'X'.charCodeAt(0);
    return copy;
  };
}

/** The datagram with a family of addresses that no kernel knows in place of IPv6: it is refused as IPv6 would be then. */
function withoutIpv6(datagram: Uint8Array): Uint8Array {
  const copy = Buffer.from(datagram);
  const inet6 = copy.indexOf(Buffer.from([12, 0, AF_INET6, 0x80]));
  if (inet6 >= 0) copy[inet6 + 2] = 99;
  return copy;
}
