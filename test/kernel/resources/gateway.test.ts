/** The addresses of the bridge. */

import { expect, test } from 'bun:test';
import { formatMac } from '../../../src/address/mac.ts';
import { silentLog } from '../../../src/log.ts';
import type { Connection } from '../../../src/netlink/connection.ts';
import { RTM_DELADDR, RTM_NEWADDR } from '../../../src/netlink/route/constants.ts';
import { ensureBridge, findBridge } from '../../../src/resources/bridge/bridge-link.ts';
import { ensureGateways, gatewayKind } from '../../../src/resources/gateway/gateway.ts';
import { bridgeMac } from '../../../src/resources/names.ts';
import { openNode } from '../../../src/resources/node.ts';
import { faultOf } from '../../support/fault.ts';
import { addresses, cidrs, link, setSysctl } from '../../support/kernel.ts';
import { createNetns, exec, ipBatch, type Netns } from '../../support/netns.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { inside, withRoute } from '../support/inside.ts';
import { before, spyOn } from '../support/spy.ts';
import { cidr } from '../support/values.ts';

const CNI0 = { name: 'cni0', mtu: undefined, promiscuous: false };
/** Something that uses the bridge. */
const PORT = 'link add p type veth peer name q\n link set p master cni0';

/** Gives the bridge, which is made if need be, these gateways. */
const give =
  (...gateways: readonly string[]) =>
  (connection: Connection) =>
    giveTo(connection, gateways, false);

function giveTo(
  connection: Connection,
  gateways: readonly string[],
  force: boolean,
  siblings: readonly string[] = [],
): void {
  const bridge = ensureBridge(connection, findBridge(connection, 'cni0'), CNI0);
  ensureGateways(connection, bridge, { addresses: gateways.map(cidr), siblings: siblings.map(cidr), force });
}

describeOnKernel('gateway addresses', () => {
  test('of both families are there at once, IPv6 without duplicate address detection', () => {
    using ns = createNetns();
    withRoute(ns, give('10.1.0.1/24', 'fd00:1::1/64'));
    const found = addresses(ns, 'cni0');
    expect(found.map(({ cidr: text, scope, broadcast }) => [text, scope, broadcast])).toEqual([
      ['10.1.0.1/24', 'global', '10.1.0.255'],
      ['fd00:1::1/64', 'global', undefined],
    ]);
    expect(found[1]?.flags).toContain('nodad');
    expect(found[1]?.flags).not.toContain('tentative');
  });

  test('that are there are left as they are', () => {
    using ns = createNetns();
    withRoute(ns, give('10.1.0.1/24', 'fd00:1::1/64'));
    ipBatch(ns, PORT);
    const before = exec(ns, ['ip', '-j', 'address', 'show', 'dev', 'cni0']);
    withRoute(ns, give('fd00:1::1/64', '10.1.0.1/24'));
    expect(withoutTimes(exec(ns, ['ip', '-j', 'address', 'show', 'dev', 'cni0']))).toEqual(withoutTimes(before));
  });

  test('are added to those of the other family', () => {
    using ns = createNetns();
    for (const gateway of ['10.1.0.1/24', 'fd00:1::1/64']) withRoute(ns, give(gateway));
    expect(cidrs(ns, 'cni0')).toEqual(['10.1.0.1/24', 'fd00:1::1/64']);
  });

  test('of further IPv6 subnets may stand beside each other', () => {
    using ns = createNetns();
    for (const gateway of ['fd00:1::1/64', 'fd00:2::1/64']) withRoute(ns, give(gateway));
    expect(cidrs(ns, 'cni0')).toEqual(['fd00:1::1/64', 'fd00:2::1/64']);
  });

  test('of several IPv4 subnets of one network do not contradict each other', () => {
    using ns = createNetns();
    const both = ['10.1.0.1/24', '10.2.0.1/24'];
    for (const force of [false, true]) withRoute(ns, (connection) => giveTo(connection, both, force));
    expect(cidrs(ns, 'cni0')).toEqual(both);
  });

  test.each([
    ['IPv4', '10.1.0.1/24', '10.2.0.1/24'],
    ['IPv6', 'fd00:0:1::1/64', 'fd00::1/32'],
  ])('of another range of the same network stand beside each other, %s', (_, first, second) => {
    for (const force of [false, true]) {
      using ns = createNetns();
      withRoute(ns, (connection) => giveTo(connection, [first], force, [second]));
      ipBatch(ns, PORT);
      withRoute(ns, (connection) => giveTo(connection, [second], force, [first]));
      withRoute(ns, (connection) => giveTo(connection, [first], force, [second]));
      expect(cidrs(ns, 'cni0').sort()).toEqual([first, second].sort());
    }
  });

  test('come on a node where new links have no IPv6', () => {
    using ns = createNetns();
    setSysctl(ns, 'net/ipv6/conf/default/disable_ipv6', 1);
    withRoute(ns, give('fd00:1::1/64'));
    expect(cidrs(ns, 'cni0')).toEqual(['fd00:1::1/64']);
  });

  test('that are not asked for are not given', () => {
    using ns = createNetns();
    withRoute(ns, give());
    expect(cidrs(ns, 'cni0')).toEqual([]);
  });
});

describeOnKernel('the MAC of a bridge that somebody else made', () => {
  const OF_PORT = '00:00:00:00:00:01';
  const portComes = (ns: Netns) =>
    ipBatch(ns, `link add p address ${OF_PORT} type veth peer name q\n link set p master cni0`);
  const portGoes = (ns: Netns) => ipBatch(ns, 'link delete p');
  const macOf = (ns: Netns) => link(ns, 'cni0')?.address;

  test('no longer follows the ports once it has a gateway’s address', () => {
    using ns = createNetns();
    ipBatch(ns, 'link add cni0 type bridge');
    const before = macOf(ns);
    withRoute(ns, give('10.1.0.1/24'));
    portComes(ns);
    expect(macOf(ns)).toBe(before as string);
    portGoes(ns);
    expect(macOf(ns)).toBe(before as string);
  });

  test('is made where the last port has taken it away', () => {
    using ns = createNetns();
    ipBatch(ns, 'link add cni0 type bridge');
    portComes(ns);
    portGoes(ns);
    expect(macOf(ns)).toBe('00:00:00:00:00:00');
    withRoute(ns, give('10.1.0.1/24'));
    expect(macOf(ns)).toBe(formatMac(bridgeMac('cni0')));
  });

  test('follows them as before where no address is given', () => {
    using ns = createNetns();
    ipBatch(ns, 'link add cni0 type bridge\n address add 10.1.0.1/24 dev cni0');
    withRoute(ns, give('10.1.0.1/24'));
    portComes(ns);
    expect(macOf(ns)).toBe(OF_PORT);
  });
});

describeOnKernel('another process at the same moment', () => {
  test.each(['10.1.0.1/24', 'fd00:1::1/64'])('may give %s too', (gateway) => {
    using ns = createNetns();
    const give2 = before(RTM_NEWADDR, () => exec(ns, ['ip', 'address', 'add', gateway, 'dev', 'cni0']));
    withRoute(ns, (connection) => give(gateway)(spyOn(connection, give2)));
    expect(cidrs(ns, 'cni0')).toEqual([gateway]);
  });

  test('may take away what is in the way', () => {
    using ns = createNetns();
    withRoute(ns, give('10.2.0.1/24'));
    const take = before(RTM_DELADDR, () => exec(ns, ['ip', 'address', 'del', '10.2.0.1/24', 'dev', 'cni0']));
    withRoute(ns, (connection) => give('10.1.0.1/24')(spyOn(connection, take)));
    expect(cidrs(ns, 'cni0')).toEqual(['10.1.0.1/24']);
  });
});

describeOnKernel('an address that is in the way', () => {
  const CASES = [
    ['of another IPv4 subnet', '10.2.0.1/24', '10.1.0.1/24'],
    ['another IPv4 address of the same subnet', '10.1.0.9/24', '10.1.0.1/24'],
    ['of an IPv6 subnet that holds ours', 'fd00::9/32', 'fd00:0:1::1/64'],
    ['of an IPv6 subnet that ours holds', 'fd00:0:1::9/64', 'fd00::1/32'],
    ['another IPv6 address of the same subnet', 'fd00:1::9/64', 'fd00:1::1/64'],
  ] as const;

  test.each(CASES)('%s: while the bridge is in use, both are named and nothing is changed', (_, present, wanted) => {
    using ns = createNetns();
    ipBatch(ns, `link add cni0 type bridge\n address add ${present} dev cni0\n ${PORT}`);
    const fault = withRoute(ns, (connection) => faultOf(() => give(wanted)(connection)));
    expect(fault.kind).toBe('conflict');
    expect(fault.message).toContain(`cannot give cni0 the gateway address ${wanted}`);
    expect(fault.message).toContain(present);
    expect(fault.details).toContain('cni0 is in use by p. ');
    expect(cidrs(ns, 'cni0')).toEqual([present]);
  });

  test.each(CASES)('%s: gives way where nobody uses the bridge', (_, present, wanted) => {
    using ns = createNetns();
    withRoute(ns, give(present));
    withRoute(ns, give(wanted));
    expect(cidrs(ns, 'cni0')).toEqual([wanted]);
  });

  test.each(CASES)('%s: stays where somebody else made the bridge, unless it is told to go', (_, present, wanted) => {
    using ns = createNetns();
    ipBatch(ns, `link add cni0 type bridge\n address add ${present} dev cni0`);
    const fault = withRoute(ns, (connection) => faultOf(() => give(wanted)(connection)));
    expect([fault.kind, cidrs(ns, 'cni0')]).toEqual(['conflict', [present]]);
    expect(fault.details).toContain(`"ip address delete ${present} dev cni0"`);
    withRoute(ns, (connection) => giveTo(connection, [wanted], true));
    expect(cidrs(ns, 'cni0')).toEqual([wanted]);
  });

  test('gives way where it is told to, and nothing else does', () => {
    using ns = createNetns();
    ipBatch(ns, `link add cni0 type bridge\n ${PORT}`);
    for (const other of ['10.2.0.1/24', '10.3.0.1/24', 'fd00:2::1/64']) ipBatch(ns, `address add ${other} dev cni0`);
    withRoute(ns, (connection) => giveTo(connection, ['10.1.0.1/24', 'fd00:1::1/64'], true));
    expect(cidrs(ns, 'cni0')).toEqual(['10.1.0.1/24', 'fd00:1::1/64', 'fd00:2::1/64']);
  });

  test('is none: the kernel’s own link-local one, and one of another link', () => {
    using ns = createNetns();
    ipBatch(ns, 'link add cni0 up type bridge\n link add cni1 type bridge\n address add 10.2.0.1/24 dev cni1');
    withRoute(ns, give('10.1.0.1/24', 'fd00:1::1/64'));
    expect(cidrs(ns, 'cni0')).toEqual(['10.1.0.1/24', 'fd00:1::1/64']);
  });
});

describeOnKernel('a subnet of another size with the same gateway', () => {
  const WIDER = ['10.1.0.1/24', '10.1.0.1/16'] as const;
  const WIDER6 = ['fd00::1/64', 'fd00::1/48'] as const;

  test.each([
    ['larger, IPv4', ...WIDER, [...WIDER].sort()],
    ['smaller, IPv4', WIDER[1], WIDER[0], [...WIDER].sort()],
    ['larger, IPv6', ...WIDER6, ['fd00::1/48']],
    ['smaller, IPv6', WIDER6[1], WIDER6[0], ['fd00::1/48']],
  ] as const)('%s: while the bridge is in use, nobody loses the way', (_, old, wanted, expected) => {
    for (const force of [false, true]) {
      using ns = createNetns();
      withRoute(ns, give(old));
      ipBatch(ns, PORT);
      for (let times = 0; times < 2; times++) withRoute(ns, (connection) => giveTo(connection, [wanted], force));
      expect(cidrs(ns, 'cni0')).toEqual([...expected]);
    }
  });

  test.each([WIDER, WIDER.toReversed(), WIDER6, WIDER6.toReversed()] as readonly string[][])(
    'is the only one where nobody uses the bridge: %s, then %s',
    (old, wanted) => {
      using ns = createNetns();
      withRoute(ns, give(old as string));
      withRoute(ns, give(wanted as string));
      expect(cidrs(ns, 'cni0')).toEqual([wanted as string]);
    },
  );

  test('stands beside the address that somebody else gave the bridge', () => {
    using ns = createNetns();
    ipBatch(ns, `link add cni0 type bridge\n address add ${WIDER[0]} dev cni0`);
    withRoute(ns, give(WIDER[1]));
    expect(cidrs(ns, 'cni0')).toEqual([...WIDER].sort());
  });

  test.each([
    ['10.1.0.1/24', '10.1.0.1/16'],
    ['fd00::1/64', 'fd00::1/48'],
  ])('%s, then %s: CHECK is content with the containers of both', (old, wanted) => {
    using ns = createNetns();
    withRoute(ns, give(old));
    ipBatch(ns, PORT);
    withRoute(ns, give(wanted));
    const verify = (text: string) =>
      inside(ns, () => {
        const node = openNode('', silentLog);
        try {
          return gatewayKind.verify(node, { bridge: 'cni0', addresses: [cidr(text)], force: false, port: 'p' });
        } finally {
          node.close();
        }
      });
    expect([verify(old), verify(wanted)]).toEqual([undefined, undefined]);
    expect(verify(wanted.replace('::1', '::9').replace('.1/', '.9/'))?.kind).toBe('check');
  });
});

describeOnKernel('link-local addresses', () => {
  const linkLocal = (ns: Netns) =>
    addresses(ns, 'cni0', { linkLocal: true })
      .map(({ cidr: text }) => text)
      .filter((text) => /^(fe80|169\.254)/.test(text));

  test.each([
    ['fe80::1/64', ['fe80::1/64']],
    ['fe80::1/10', ['fe80::1/10']],
    ['fe80::ecee:eeff:feee:eeee/128', ['fe80::ecee:eeff:feee:eeee/128']],
  ])('one is a gateway beside the kernel’s own: %s', (gateway, expected) => {
    for (const force of [false, true]) {
      using ns = createNetns();
      withRoute(ns, give());
      ipBatch(ns, `${PORT}\n link set p up\n link set q up`);
      while (linkLocal(ns).length === 0) Bun.sleepSync(10);
      const made = linkLocal(ns);
      for (let times = 0; times < 2; times++) withRoute(ns, (connection) => giveTo(connection, [gateway], force));
      expect(linkLocal(ns).sort()).toEqual([...made, ...expected].sort());
    }
  });

  test('that somebody gave the bridge stay, and are in no gateway’s way', () => {
    for (const force of [false, true]) {
      using ns = createNetns();
      withRoute(ns, give());
      ipBatch(ns, `${PORT}\n address add 169.254.169.254/32 dev cni0\n address add fe80::2/64 dev cni0 nodad`);
      withRoute(ns, (connection) => giveTo(connection, ['10.1.0.1/24', 'fe80::1/64'], force));
      expect(linkLocal(ns)).toEqual(expect.arrayContaining(['169.254.169.254/32', 'fe80::1/64', 'fe80::2/64']));
    }
  });
});

describeOnKernel('a subnet that is somewhere else on the node as well', () => {
  const UPLINK = `link add eth0 up type veth peer name p9
    address add 10.1.0.77/24 dev eth0
    address add fd00:1::77/64 dev eth0 nodad`;
  const wanted = (...gateways: readonly string[]) => ({
    ...{ bridge: 'cni0', addresses: gateways.map(cidr), force: false, port: 'p' },
  });

  /** What STATUS says; and what ADD logs, the first time and the second. */
  function told(ns: Netns, ...gateways: readonly string[]): (string | undefined)[] {
    return inside(ns, () => {
      const logged: string[] = [];
      const node = openNode('', (_, message) => void logged.push(message));
      try {
        const able = gatewayKind.able(node, wanted(...gateways));
        ensureBridge(node.route, findBridge(node.route, 'cni0'), CNI0);
        for (let times = 0; times < 2; times++) gatewayKind.ensure(node, wanted(...gateways));
        const after = gatewayKind.able(node, wanted(...gateways));
        expect([after?.kind, after?.message]).toEqual([able?.kind, able?.message]);
        if (able !== undefined) expect(able.kind).toBe('limited');
        return [able?.message, ...logged];
      } finally {
        node.close();
      }
    });
  }

  test.each([
    ['10.1.0.1/24', 'the subnet 10.1.0.0/24 overlaps the address 10.1.0.77/24 of eth0'],
    ['10.1.0.1/16', 'the subnet 10.1.0.0/16 overlaps the address 10.1.0.77/24 of eth0'],
    ['fd00:1::1/64', 'the subnet fd00:1::/64 overlaps the address fd00:1::77/64 of eth0'],
    ['fd00:1::1/80', 'the subnet fd00:1::/80 overlaps the address fd00:1::77/64 of eth0'],
  ])('is told by STATUS, and by ADD when it gives the gateway: %s', (gateway, message) => {
    using ns = createNetns();
    ipBatch(ns, UPLINK);
    expect(told(ns, gateway)).toEqual([message, expect.stringContaining(`${message}. `)]);
  });

  test('is none: addresses of the bridge itself, of lo, link-local ones, and other subnets', () => {
    using ns = createNetns();
    ipBatch(ns, `${UPLINK}\n link set lo up\n address add 10.2.0.9/32 dev lo`);
    ipBatch(ns, 'link add cni0 up type bridge\n address add 169.254.1.1/16 dev cni0');
    expect(told(ns, '10.2.0.1/24', 'fd00:2::1/64')).toEqual([undefined]);
  });

  test('of a bridge that is too small for IPv6 is the lesser trouble: STATUS fails', () => {
    using ns = createNetns();
    ipBatch(ns, `${UPLINK}\n link add cni0 type bridge\n link set cni0 mtu 1000`);
    const able = (gateway: string) =>
      inside(ns, () => {
        const node = openNode('', silentLog);
        try {
          return gatewayKind.able(node, wanted(gateway))?.kind;
        } finally {
          node.close();
        }
      });
    expect([able('10.1.0.1/24'), able('fd00:1::1/64')]).toEqual(['limited', 'conflict']);
  });
});

/** The kernel says up to a second later that a bridge has no carrier. */
function withoutTimes(json: string): unknown {
  return JSON.parse(json, (key, value: unknown) => (/life_time$|^operstate$|^flags$/.test(key) ? undefined : value));
}
