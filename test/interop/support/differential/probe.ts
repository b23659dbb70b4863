/** What packets tell of a configuration. */

import { cidrs } from '../../../support/kernel.ts';
import { ipBatch } from '../../../support/netns.ts';
import { type Container, NODE_ADDRESS, OUTSIDE_ADDRESS, type ScratchNode } from '../../../support/node.ts';
import { ping, seenFrom, sourceServer } from '../../../support/traffic.ts';
import type { Probe } from './case.ts';
import type { Json } from './json.ts';

/** Seconds. The reference's bridge does not answer for IPv6 while it looks for duplicates of itself. */
const PATIENCE = 8;

type Attempt = (node: ScratchNode, containers: readonly Container[]) => Promise<Json>;

export function probe(name: Probe, node: ScratchNode, containers: readonly Container[]): Promise<Json> {
  return PROBES[name](node, containers);
}

const PROBES: Record<Probe, Attempt> = {
  /** Whom the outside sees, for each family that the container has an address of. */
  async masquerading({ outside }, [container]) {
    using server = await sourceServer(outside);
    const families = new Set(addressesOf(container).map((address) => (address.includes(':') ? 6 : 4)));
    return [...families].map((family) => {
      const seen =
        container && seenFrom(container.ns, { address: OUTSIDE_ADDRESS[family], port: server.port }, PATIENCE);
      return seen === NODE_ADDRESS[family] ? 'the node' : (seen ?? 'nobody');
    });
  },

  /** Whether the last container hears the first. */
  async neighbour(_, containers) {
    const last = containers.at(-1);
    return last === undefined
      ? null
      : addressesOf(containers[0]).map((address) => ping(last.ns, address, { timeout: 2 }));
  },

  /** Whether the bridge answers, before and after the container has taken another MAC. */
  async spoof(_, [container]) {
    if (container === undefined) return null;
    const gateway = addressesOf(container)[0]?.replace(/\d+$/, '1') ?? '';
    const answered = () => ping(container.ns, gateway, { timeout: 2 });
    const before = answered();
    ipBatch(container.ns, 'link set eth0 address 02:00:00:00:00:99');
    return [before, answered()];
  },
};

function addressesOf(container: Container | undefined): string[] {
  return container === undefined ? [] : cidrs(container.ns, 'eth0').map((cidr) => cidr.split('/')[0] ?? cidr);
}
