/** Each thing that may be off with links, addresses and routes, broken by hand. */

import { expect, test } from 'bun:test';
import { formatMac } from '../../../src/address/mac.ts';
import { configureInterface } from '../../../src/resources/addressing/addressing.ts';
import { ensureGateways } from '../../../src/resources/gateway/gateway.ts';
import { hostVethName } from '../../../src/resources/names.ts';
import * as verify from '../../../src/resources/verify.ts';
import { faultOf } from '../../support/fault.ts';
import { createNetns, exec, type Netns } from '../../support/netns.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { ATTACHMENT, bridgeOf, plugIn, SETTINGS } from '../support/attach.ts';
import { type Kernels, withKernels } from '../support/inside.ts';
import { cidr, ip } from '../support/values.ts';

const NAME = hostVethName(ATTACHMENT);
const PORT = { hairpin: true, isolated: true };
const ADDRESSES = [
  { address: cidr('10.1.0.2/24'), gateway: ip('10.1.0.1') },
  { address: cidr('fd00:1::2/64'), gateway: ip('fd00:1::1') },
];
const ROUTES = [{ dst: cidr('0.0.0.0/0'), gw: ip('10.1.0.1') }, { dst: cidr('fd09::/48') }];
const GATEWAYS = [cidr('10.1.0.1/24'), cidr('fd00:1::1/64')];

/** Gives the address anew, with quick duplicate address detection, and waits for what comes of that. */
const ADD_AS_DUPLICATE = [
  ...['ip address del fd00:1::2/64 dev eth0', 'cd /proc/sys/net/ipv6', 'echo 1 >conf/eth0/accept_dad'],
  ...['echo 0 >conf/eth0/router_solicitation_delay', 'echo 10 >neigh/eth0/retrans_time_ms'],
  'ip address add fd00:1::2/64 dev eth0',
  'for n in $(seq 100); do ip address show dev eth0 | grep -q dadfailed && break; sleep 0.02; done',
].join('; ');

/** Everything that ADD makes on the bridge. */
function attach(kernels: Kernels): void {
  ensureGateways(kernels.node.route, bridgeOf(kernels), GATEWAYS, false);
  const { container } = plugIn(kernels, { port: PORT });
  configureInterface(kernels.container, container, { addresses: ADDRESSES, routes: ROUTES, detectDuplicates: false });
}

/** Everything that CHECK looks at on the bridge. */
function verifyAll({ node, container }: Kernels): void {
  const bridge = verify.verifyBridge(node.route, { name: 'cni0', promiscuous: false, gateways: GATEWAYS });
  const host = verify.verifyHostVeth(node.route, bridge, { name: NAME, mtu: 1400, ...PORT });
  const expected = { name: 'eth0', up: true, mac: formatMac(SETTINGS.containerMac).toUpperCase() };
  const link = verify.verifyContainerInterface(container.route, host, expected);
  for (const { address } of ADDRESSES) verify.verifyAddress(container.route, link, address, 'eth0 in the container');
  verify.verifyRoutes(container.route, ROUTES);
}

/** A command on the node, or with `in` in front in the container. */
function sabotage(node: Netns, container: Netns, command: string): void {
  const inContainer = command.startsWith('in ');
  exec(inContainer ? container : node, ['sh', '-c', inContainer ? command.slice(3) : command]);
}

describeOnKernel('a bridge', () => {
  test('is as promiscuous as it was asked to be, or more', () => {
    using node = createNetns();
    using container = createNetns();
    withKernels(node, container, (kernels) => {
      bridgeOf(kernels);
      const check = (promiscuous: boolean) =>
        verify.verifyBridge(kernels.node.route, { name: 'cni0', promiscuous, gateways: [] });
      expect(check(false).promiscuous).toBe(false);
      expect(faultOf(() => check(true)).message).toBe('promiscuous mode of the bridge cni0 is off, expected on');
      exec(node, ['ip', 'link', 'set', 'cni0', 'promisc', 'on']);
      expect([check(true).promiscuous, check(false).promiscuous]).toEqual([true, true]);
    });
  });
});

describeOnKernel('an attachment', () => {
  test('as it was made is in order, and so it is with more beside it', () => {
    using node = createNetns();
    using container = createNetns();
    withKernels(node, container, (kernels) => {
      attach(kernels);
      verifyAll(kernels);
      sabotage(node, container, 'in ip address add 10.7.0.2/24 dev eth0; ip route add 10.8.0.0/16 via 10.1.0.1');
      sabotage(node, container, 'in ip route del default; ip route add default via 10.1.0.1 table 100');
      sabotage(node, container, 'ip link set cni0 promisc on; ip address add 10.9.0.1/24 dev cni0');
      verifyAll(kernels);
    });
  });

  test.each([
    ['ip link del cni0', 'the bridge cni0 is missing'],
    ['ip link set cni0 down', 'the bridge cni0 is down, expected up'],
    ['ip address del 10.1.0.1/24 dev cni0', 'the address 10.1.0.1/24 of the bridge cni0 is missing; it has none'],
    ['ip address del fd00:1::1/64 dev cni0', 'the address fd00:1::1/64 of the bridge cni0 is missing'],
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
    [
      'in ip address del 10.1.0.2/24 dev eth0; ip address add 10.1.0.9/24 dev eth0',
      'the address 10.1.0.2/24 of eth0 in the container is missing; it has 10.1.0.9/24',
    ],
    ['in ip address del fd00:1::2/64 dev eth0', 'the address fd00:1::2/64 of eth0 in the container is missing'],
    [
      'in ip address del 10.1.0.2/24 dev eth0; ip address add 10.1.0.2/16 dev eth0',
      'the address 10.1.0.2/24 of eth0 in the container is missing; it has 10.1.0.2/16',
    ],
    [
      `ip address add fd00:1::2/64 dev cni0 nodad
       in ${ADD_AS_DUPLICATE}`,
      'the address fd00:1::2/64 of eth0 in the container is in use by another host on the bridge',
    ],
    ['in ip route del default', 'the route 0.0.0.0/0 via 10.1.0.1 is missing in the container'],
    ['in ip route replace default via 10.1.0.7', 'the route 0.0.0.0/0 via 10.1.0.1 is missing in the container'],
    ['in ip -6 route del fd09::/48', 'the route fd09::/48 is missing in the container'],
  ])('%s', (commands, message) => {
    using node = createNetns();
    using container = createNetns();
    withKernels(node, container, (kernels) => {
      attach(kernels);
      for (const command of commands.split('\n')) sabotage(node, container, command.trim());
      const fault = faultOf(() => verifyAll(kernels));
      expect(fault.kind).toBe('check');
      expect(fault.message).toStartWith(message);
    });
  });
});
