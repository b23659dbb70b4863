import { expect, test } from 'bun:test';
import { formatMac } from '../../../src/address/mac.ts';
import type { Connection } from '../../../src/netlink/connection.ts';
import { RTM_GETLINK, RTM_NEWLINK } from '../../../src/netlink/route/constants.ts';
import { bridgeKind } from '../../../src/resources/bridge/bridge.ts';
import {
  type BridgeSettings,
  ensureBridge,
  findBridge,
  isOwnBridge,
} from '../../../src/resources/bridge/bridge-link.ts';
import { bridgeMac } from '../../../src/resources/names.ts';
import { faultOf } from '../../support/fault.ts';
import { link, links, setSysctl, sysctl } from '../../support/kernel.ts';
import { createNetns, exec, ipBatch, type Netns } from '../../support/netns.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { bridgeOf, plugIn } from '../support/attach.ts';
import { withKernels, withRoute } from '../support/inside.ts';
import { before, spyOn } from '../support/spy.ts';

const CNI0: BridgeSettings = { name: 'cni0', mtu: 1400, promiscuous: false };

const OWN_MAC = formatMac(bridgeMac('cni0'));

/** As ADD does it. */
const ensure = (settings: BridgeSettings) => (connection: Connection) =>
  ensureBridge(connection, findBridge(connection, settings.name), settings);

describeOnKernel('a bridge', () => {
  test('is created up, with its own MAC and the MTU that is asked for', () => {
    using ns = createNetns();
    const made = withRoute(ns, ensure(CNI0));
    const found = link(ns, 'cni0');
    expect(found?.linkinfo?.info_kind).toBe('bridge');
    expect(found).toMatchObject({
      mtu: 1400,
      address: OWN_MAC,
      flags: expect.arrayContaining(['UP']),
    });
    expect({ name: made.name, index: made.index, mac: formatMac(made.mac) }).toEqual({
      name: 'cni0',
      index: found?.ifindex as number,
      mac: found?.address as string,
    });
  });

  test('has the kernel’s MTU where none is asked for', () => {
    using ns = createNetns();
    expect(withRoute(ns, ensure({ ...CNI0, name: 'a23456789012345', mtu: undefined })).mtu).toBe(1500);
    expect(link(ns, 'a23456789012345')?.mtu).toBe(1500);
  });

  test('takes no router advertisements, and does not wait for duplicates of itself', () => {
    using ns = createNetns();
    withRoute(ns, ensure(CNI0));
    expect(sysctl(ns, 'net/ipv6/conf/cni0/accept_ra')).toBe('0');
    expect(sysctl(ns, 'net/ipv6/conf/cni0/accept_dad')).toBe('0');
  });

  test('that is down, as one who was killed leaves it, is told the same before it is up', () => {
    using ns = createNetns();
    ipBatch(ns, `link add cni0 address ${OWN_MAC} type bridge`);
    withRoute(ns, ensure(CNI0));
    expect(link(ns, 'cni0')?.flags).toContain('UP');
    expect(sysctl(ns, 'net/ipv6/conf/cni0/accept_ra')).toBe('0');
    expect(sysctl(ns, 'net/ipv6/conf/cni0/accept_dad')).toBe('0');
  });

  test('keeps its MAC when ports come and go', () => {
    using ns = createNetns();
    withRoute(ns, ensure(CNI0));
    const address = link(ns, 'cni0')?.address;
    ipBatch(ns, 'link add p address 00:00:00:00:00:01 type veth peer name q\n link set p master cni0\n link set p up');
    expect(link(ns, 'cni0')?.address).toBe(address as string);
    ipBatch(ns, 'link delete p');
    expect(link(ns, 'cni0')?.address).toBe(address as string);
  });

  test('that is there is used as it is', () => {
    using ns = createNetns();
    ipBatch(ns, 'link add cni0 address 02:00:00:00:00:99 mtu 1300 up type bridge');
    setSysctl(ns, 'net/ipv6/conf/cni0/accept_ra', 1);
    const before = link(ns, 'cni0');
    const used = withRoute(ns, ensure(CNI0));
    expect([used.index, used.mtu, formatMac(used.mac)]).toEqual([before?.ifindex as number, 1300, '02:00:00:00:00:99']);
    expect(link(ns, 'cni0')).toMatchObject({ mtu: 1300, address: '02:00:00:00:00:99', ifindex: used.index });
    expect(sysctl(ns, 'net/ipv6/conf/cni0/accept_ra')).toBe('1');
  });

  test('is the same each time', () => {
    using ns = createNetns();
    const made = withRoute(ns, (connection) => [1, 2, 3].map(() => ensure(CNI0)(connection).index));
    expect(new Set(made).size).toBe(1);
    expect(links(ns, 'bridge')).toHaveLength(1);
  });

  test('that we make has an alias that says so', () => {
    using ns = createNetns();
    expect(isOwnBridge(withRoute(ns, ensure(CNI0)))).toBe(true);
    expect(link(ns, 'cni0')?.ifalias).toBe('trestle:bridge');
  });

  test('that we made stays ours when its MAC or the machine’s ID is another one', () => {
    using ns = createNetns();
    withRoute(ns, ensure(CNI0));
    ipBatch(ns, 'link set cni0 address 02:00:00:00:00:07');
    expect(isOwnBridge(withRoute(ns, ensure(CNI0)))).toBe(true);
  });

  test.each([
    ['the MAC of 0.1.0, and no alias', `address ${OWN_MAC}`, true, 'trestle:bridge'],
    ['the MAC of 0.1.0, and an alias of somebody else', `alias pods address ${OWN_MAC}`, true, 'pods'],
    ['another MAC, and no alias', 'address 02:00:00:00:00:07', false, undefined],
    ['a MAC of a network card', 'address 00:16:3e:00:00:07', false, undefined],
    ['an alias like that of an attachment', 'alias trestle:pods/abc/eth0', false, 'trestle:pods/abc/eth0'],
  ] as const)('with %s: whether it is ours, and its alias', (_, settings, isOurs, alias) => {
    using ns = createNetns();
    ipBatch(ns, `link add cni0 type bridge\n link set cni0 ${settings}`);
    expect(isOwnBridge(withRoute(ns, ensure(CNI0)))).toBe(isOurs);
    expect(link(ns, 'cni0')?.ifalias).toBe(alias as string);
  });

  test('that is down is set up', () => {
    using ns = createNetns();
    ipBatch(ns, 'link add cni0 type bridge');
    withRoute(ns, ensure(CNI0));
    expect(link(ns, 'cni0')?.flags).toContain('UP');
  });

  test('that another process makes between our look and our doing is used', () => {
    using ns = createNetns();
    const [first, second] = withRoute(ns, (connection) => [
      ensureBridge(connection, undefined, CNI0),
      ensureBridge(connection, undefined, { ...CNI0, mtu: 1300 }),
    ]);
    expect(second.index).toBe(first.index);
    expect(links(ns, 'bridge').map(({ ifname, mtu }) => [ifname, mtu])).toEqual([['cni0', 1400]]);
  });

  test('is promiscuous where that is asked for, be it new or there', () => {
    using ns = createNetns();
    withRoute(ns, ensure(CNI0));
    expect(link(ns, 'cni0')?.flags).not.toContain('PROMISC');
    for (const name of ['cni0', 'cni1']) {
      withRoute(ns, ensure({ ...CNI0, name, promiscuous: true }));
      expect(link(ns, name)?.flags).toContain('PROMISC');
      expect(link(ns, name)?.flags).toContain('UP');
    }
  });

  test('that another process removes as soon as it is made is told of', () => {
    using ns = createNetns();
    const fault = withRoute(ns, (connection) => {
      const remove = before(RTM_GETLINK, () => exec(ns, ['ip', 'link', 'delete', 'cni0']), RTM_NEWLINK);
      return faultOf(() => ensureBridge(spyOn(connection, remove), undefined, CNI0));
    });
    expect([fault.kind, fault.message]).toEqual(['busy', expect.stringContaining('cni0')]);
  });

  test('is there or not', () => {
    using ns = createNetns();
    expect(withRoute(ns, (connection) => findBridge(connection, 'cni0'))).toBeUndefined();
  });
});

describeOnKernel('a name that belongs to something else', () => {
  test.each([
    ['a veth', 'link add cni0 type veth peer name other', 'a veth interface'],
    ['an ifb', 'link add cni0 type ifb', 'a ifb interface'],
  ])('%s', (_, command, what) => {
    using ns = createNetns();
    ipBatch(ns, command);
    const before = links(ns);
    for (const look of [ensure(CNI0), (connection: Connection) => ensureBridge(connection, undefined, CNI0)]) {
      const fault = withRoute(ns, (connection) => faultOf(() => look(connection)));
      expect([fault.kind, fault.message]).toEqual([
        'conflict',
        `cannot use cni0 as a bridge: cni0 exists and is ${what}, not a bridge`,
      ]);
      expect(fault.details).toContain('"bridge"');
    }
    expect(links(ns)).toEqual(before);
  });

  test('hardware, which has no kind', () => {
    using ns = createNetns();
    expect(withRoute(ns, (connection) => faultOf(() => findBridge(connection, 'lo'))).message).toBe(
      'cannot use lo as a bridge: lo exists and is an interface with the MAC 00:00:00:00:00:00, not a bridge',
    );
  });
});

describeOnKernel('what the kernel refuses', () => {
  test('names the bridge and the reason, and leaves nothing', () => {
    using ns = createNetns();
    expect(() => withRoute(ns, ensure({ ...CNI0, mtu: 20 }))).toThrow(
      'cannot create the bridge cni0: invalid argument (EINVAL): mtu less than device minimum',
    );
    expect(exec(ns, ['ip', '-br', 'link', 'show', 'type', 'bridge'])).toBe('');
  });
});

describeOnKernel('the ports of a bridge', () => {
  const plug = (ns: Netns, from: number, to: number) => {
    const add = (at: number) => `link add p${at} type ifb\n link set p${at} master cni0`;
    const all = Array.from({ length: to - from }, (_, at) => add(from + at));
    // An emulated machine takes longer for all of them than a program of a test may.
    for (let at = 0; at < all.length; at += 50) ipBatch(ns, all.slice(at, at + 50).join('\n'));
  };

  test('are 1023 at most: ADD says so, and STATUS from nine tenths on', () => {
    using ns = createNetns();
    using container = createNetns();
    withKernels(ns, container, (kernels) => {
      const able = () => bridgeKind.able(kernels.node, { ...CNI0, isGateway: false });
      bridgeOf(kernels);
      plug(ns, 0, 920);
      expect(able()).toBeUndefined();
      plug(ns, 920, 921);
      expect(able()).toMatchObject({
        kind: 'limited',
        message: 'the bridge cni0 has 921 ports, and the kernel allows 1023',
      });
      plug(ns, 921, 1023);
      const message = 'cannot use the bridge cni0: it has 1023 ports, the most that the kernel allows (BR_MAX_PORTS)';
      expect(able()).toMatchObject({ kind: 'limited', message });
      expect(faultOf(() => plugIn(kernels))).toMatchObject({ kind: 'exhausted', message });
    });
    expect(links(container).map(({ ifname }) => ifname)).toEqual(['lo']);
  }, 300_000);
});
