/** IPv6 addresses are waited for until the kernel delivers packets to them. */

import { expect, test } from 'bun:test';
import { execute } from '../../../src/netlink/connection.ts';
import { findRoute, isLocalRoute } from '../../../src/netlink/route/route.ts';
import { awaitUsable } from '../../../src/resources/addressing/usable-addresses.ts';
import { gatewayKind } from '../../../src/resources/gateway/gateway.ts';
import type { Node } from '../../../src/resources/node.ts';
import { faultOf } from '../../support/fault.ts';
import { interfaceLoad } from '../../support/load.ts';
import { createNetns, exec, ipBatch, spawnIn } from '../../support/netns.ts';
import { lighter } from '../../support/patience.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { bridgeOf } from '../support/attach.ts';
import { withKernels } from '../support/inside.ts';
import { ensureAttachment, ensureAttachmentOf, PORT, V6 } from '../support/port.ts';
import { cidr, ip } from '../support/values.ts';

const ADDRESS = V6.address.ip;
/** An address that no interface has. */
const MISSING = ip('fd00:1::77');

function isUsable({ route }: Pick<Node, 'route'>, address = ADDRESS): boolean {
  const reply = execute(route, findRoute(address))[0]?.[0];
  return reply !== undefined && isLocalRoute(reply.payload);
}

describeOnKernel('after ADD’s part of it', () => {
  test('IPv6 addresses are usable, whatever else changes interfaces', () => {
    using node = createNetns();
    using _load = interfaceLoad();
    const seen: boolean[] = [];
    for (let number = 1; number <= lighter(40); number++) {
      using container = createNetns();
      withKernels(node, container, (kernels) => {
        ensureAttachmentOf(`c${number}`, kernels);
        seen.push(isUsable(kernels.container));
      });
    }
    expect(seen).toEqual(seen.map(() => true));
  });

  test('so are those for which duplicates were looked for', () => {
    using node = createNetns();
    using container = createNetns();
    withKernels(node, container, (kernels) => {
      ensureAttachment(kernels, { detectDuplicates: true });
      expect(isUsable(kernels.container)).toBe(true);
    });
  });

  test('so are the gateway’s, of which one may be link-local', () => {
    using container = createNetns();
    using _load = interfaceLoad();
    const gateways = [cidr('fd00:1::1/64'), cidr('fe80::1/64')];
    const seen: boolean[] = [];
    for (let number = 1; number <= lighter(15); number++) {
      using node = createNetns();
      withKernels(node, container, (kernels) => {
        bridgeOf(kernels);
        gatewayKind.ensure(kernels.node, { bridge: 'cni0', addresses: gateways, force: false, port: PORT.name });
        seen.push(...gateways.map((gateway) => isUsable(kernels.node, gateway.ip)));
      });
    }
    expect(seen).toEqual(seen.map(() => true));
  });
});

describeOnKernel('an IPv6 address', () => {
  test('that another host on the bridge has is refused', () => {
    using node = createNetns();
    using container = createNetns();
    withKernels(node, container, (kernels) => {
      bridgeOf(kernels);
      ipBatch(node, 'address add fd00:1::2/64 dev cni0 nodad');
      const fault = faultOf(() => ensureAttachment(kernels, { detectDuplicates: true }));
      expect([fault.kind, fault.message]).toEqual([
        'conflict',
        'cannot give eth0 the address fd00:1::2: another host on the bridge has it',
      ]);
    });
  });

  test('that comes late is waited for, by notifications', () => {
    using node = createNetns();
    using container = createNetns();
    withKernels(node, container, (kernels) => {
      ensureAttachment(kernels);
      const add = 'sleep 0.4; ip address add fd00:1::77/64 dev eth0 nodad';
      const child = spawnIn(container, ['sh', '-c', add]);
      const started = performance.now();
      awaitUsable(kernels.container, kernels.container.links.get('eth0') as never, {
        addresses: [MISSING],
        detectDuplicates: false,
      });
      expect(performance.now() - started).toBeWithin(300, 5000);
      expect(exec(container, ['ip', '-6', 'route', 'get', 'fd00:1::77'])).toStartWith('local fd00:1::77');
      child.kill('SIGKILL');
    });
  });

  test.each([[''], ['ip -6 route flush dev eth0 table main']])('that never comes is an error (%j)', (command) => {
    using node = createNetns();
    using container = createNetns();
    withKernels(node, container, (kernels) => {
      ensureAttachment(kernels);
      if (command !== '') exec(container, ['sh', '-c', command]);
      const wanted = { addresses: [MISSING], detectDuplicates: true };
      const link = { index: kernels.container.links.get('eth0')?.index ?? 0, name: 'eth0' };
      const fault = faultOf(() => awaitUsable(kernels.container, link, wanted, 200));
      expect([fault.kind, fault.message]).toEqual([
        'busy',
        'cannot give eth0 the address fd00:1::77: it is not usable after 0.2 s',
      ]);
    });
  });
});
