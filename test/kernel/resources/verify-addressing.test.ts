/** Each thing that may be off with addresses and routes, broken by hand. */

import { expect, test } from 'bun:test';
import type { Fault } from '../../../src/fault.ts';
import { addressingKind } from '../../../src/resources/addressing/addressing.ts';
import { createNetns, exec, type Netns } from '../../support/netns.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { withKernels } from '../support/inside.ts';
import { ADDRESSING, ensureAttachment } from '../support/port.ts';

/** Gives the address anew, with quick duplicate address detection, and waits for what comes of that. */
const ADD_AS_DUPLICATE = [
  ...['ip address del fd00:1::2/64 dev eth0', 'cd /proc/sys/net/ipv6', 'echo 1 >conf/eth0/accept_dad'],
  ...['echo 0 >conf/eth0/router_solicitation_delay', 'echo 10 >neigh/eth0/retrans_time_ms'],
  'ip address add fd00:1::2/64 dev eth0',
  'for n in $(seq 100); do ip address show dev eth0 | grep -q dadfailed && break; sleep 0.02; done',
].join('; ');

/** Makes an attachment, then runs the commands. @returns what verification finds then */
function findingAfter(change: (container: Netns, node: Netns) => void): Fault | undefined {
  using node = createNetns();
  using container = createNetns();
  withKernels(node, container, ensureAttachment);
  change(container, node);
  return withKernels(node, container, (kernels) => addressingKind.verify(kernels.node, ADDRESSING));
}

const sh = (ns: Netns, command: string) => exec(ns, ['sh', '-c', command]);

describeOnKernel('addresses and routes', () => {
  test('as they were made are in order, and so they are with more beside them', () => {
    expect(findingAfter(() => {})).toBeUndefined();
    const more = findingAfter((container) => {
      sh(container, 'ip address add 10.7.0.2/24 dev eth0; ip route add 10.8.0.0/16 via 10.1.0.1');
      sh(container, 'ip route del default; ip route add default via 10.1.0.1 table 100');
    });
    expect(more).toBeUndefined();
  });

  test.each([
    ['ip link set eth0 down; ip link set eth0 name eth9', 'the interface eth0 is missing in the container'],
    [
      'ip address del 10.1.0.2/24 dev eth0; ip address add 10.1.0.9/24 dev eth0',
      'the address 10.1.0.2/24 of eth0 in the container is missing; it has 10.1.0.9/24',
    ],
    ['ip address del fd00:1::2/64 dev eth0', 'the address fd00:1::2/64 of eth0 in the container is missing'],
    [
      'ip address del 10.1.0.2/24 dev eth0; ip address add 10.1.0.2/16 dev eth0',
      'the address 10.1.0.2/24 of eth0 in the container is missing; it has 10.1.0.2/16',
    ],
    ['ip route del default', 'the route 0.0.0.0/0 via 10.1.0.1 is missing in the container'],
    ['ip route replace default via 10.1.0.7', 'the route 0.0.0.0/0 via 10.1.0.1 is missing in the container'],
    ['ip -6 route del fd09::/48', 'the route fd09::/48 is missing in the container'],
  ])('%s', (command, message) => {
    const fault = findingAfter((container) => sh(container, command));
    expect(fault?.kind).toBe('check');
    expect(fault?.message).toStartWith(message);
  });

  test('an address that another host on the bridge has', () => {
    const fault = findingAfter((container, node) => {
      sh(node, 'ip address add fd00:1::2/64 dev cni0 nodad');
      sh(container, ADD_AS_DUPLICATE);
    });
    expect(fault?.message).toBe(
      'the address fd00:1::2/64 of eth0 in the container is in use by another host on the bridge',
    );
  });
});
