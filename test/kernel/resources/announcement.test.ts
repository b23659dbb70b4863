/** An address that passes to another container is announced, so that nobody goes on sending to the old MAC. */

import { expect, test } from 'bun:test';
import { formatMac } from '../../../src/address/mac.ts';
import { portKind } from '../../../src/resources/port/port.ts';
import { createNetns, exec, ipBatch, type Netns } from '../../support/netns.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { ping } from '../../support/traffic.ts';
import { bridgeOf } from '../support/attach.ts';
import { withKernels } from '../support/inside.ts';
import { ensureAttachmentOf, V4, V6 } from '../support/port.ts';
import { cidr } from '../support/values.ts';

const ADDRESSES = { 4: '10.1.0.2', 6: 'fd00:1::2' } as const;

/** The MAC that the namespace sends to for an address, by what it remembers. */
function remembered(ns: Netns, address: string): string | undefined {
  return JSON.parse(exec(ns, ['ip', '-j', 'neigh', 'show', 'to', address]))[0]?.lladdr;
}

/** Attaches a peer, then two containers in turn with the same addresses. `use` runs while each is there. */
function inTurn(families: readonly (4 | 6)[], use: (ns: { node: Netns; peer: Netns }, mac: string) => void): void {
  using node = createNetns();
  using peer = createNetns();
  withKernels(node, peer, (kernels) => {
    bridgeOf(kernels);
    ipBatch(node, 'address add 10.1.0.1/24 dev cni0\naddress add fd00:1::1/64 dev cni0 nodad');
    const addresses = [{ address: cidr('10.1.0.9/24') }, { address: cidr('fd00:1::9/64') }];
    ensureAttachmentOf('peer', kernels, { addresses, routes: [] });
  });
  for (const id of ['first', 'second']) {
    using container = createNetns();
    withKernels(node, container, (kernels) => {
      const addresses = [V4, V6].filter(({ address }) => families.includes(address.ip.family));
      const port = ensureAttachmentOf(id, kernels, { addresses, routes: [] });
      use({ node, peer }, formatMac(port.mac ?? new Uint8Array(6)));
      portKind.remove?.(kernels.node, port);
    });
  }
}

describeOnKernel('an address with another MAC than before', () => {
  test.each([[[4]], [[6]], [[4, 6]]] as (4 | 6)[][][])('is reached at once by node and peers: IPv%j', (families) => {
    const seen: unknown[] = [];
    const expected: unknown[] = [];
    inTurn(families, (ns, mac) => {
      const isSecond = seen.length > 0;
      for (const from of [ns.node, ns.peer])
        for (const family of families) {
          const before = isSecond ? remembered(from, ADDRESSES[family]) : mac;
          seen.push([before, ping(from, ADDRESSES[family], { timeout: 1 }), remembered(from, ADDRESSES[family])]);
          expected.push([mac, true, mac]);
        }
    });
    expect(seen).toEqual(expected);
  });
});
