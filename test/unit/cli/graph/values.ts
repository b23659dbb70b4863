/** Attachments and drawings for the tests of `trestle graph` and `trestle show`. */

import type { Bridge, Endpoint, Graph } from '../../../../src/cli/graph/model.ts';
import type { Listed } from '../../../../src/cli/inventory/inventory.ts';
import { alive } from '../../../../src/ipam/index.ts';

/** What a runtime may send as a pod's name: it means something in XML, Graphviz, Mermaid, Markdown and to a terminal. */
export const HOSTILE = `1. a"b]<script>&amp;'\\N\\"|{e}#35;\u001b[31m\n--> x\`y\`\ud800\ufffe;end`;

export function listedOf(changes: Partial<Listed> = {}): Listed {
  return {
    network: 'pods',
    dataDir: '/var/lib/cni/networks',
    containerId: 'c0ffee'.repeat(10),
    ifName: 'eth0',
    pod: undefined,
    addresses: ['10.89.0.2/24', 'fd00:89::2/64'],
    hostVeth: 'veth0000000000a',
    bridge: 'cni0',
    netns: { path: '/run/netns/a', device: 4, inode: 100 },
    life: alive('its host veth is there'),
    createdAt: '2026-01-02T03:04:05.000Z',
    record: undefined,
    ...changes,
  };
}

export function endpointOf(changes: Partial<Endpoint> = {}): Endpoint {
  return {
    network: 'pods',
    containerId: 'c0ffee'.repeat(10),
    pod: 'shop/web-0',
    ifName: 'eth0',
    addresses: ['10.89.0.2/24', 'fd00:89::2/64'],
    hostVeth: 'veth0000000000a',
    port: 'up',
    state: 'alive',
    evidence: 'its host veth is there',
    masqueraded: true,
    ...changes,
  };
}

/** So many containers, each with a name and addresses of its own. */
export function endpoints(count: number, changes: Partial<Endpoint> = {}): Endpoint[] {
  return Array.from({ length: count }, (_, at) =>
    endpointOf({
      pod: `shop/web-${at}`,
      hostVeth: `veth${String(at).padStart(11, '0')}`,
      addresses: [`10.89.${at >> 8}.${at & 255}/16`, `fd00:89::${at.toString(16)}/64`],
      ...changes,
    }),
  );
}

export function bridgeOf(containers: readonly Endpoint[], changes: Partial<Bridge> = {}): Bridge {
  return {
    name: 'cni0',
    link: 'up',
    mtu: 1500,
    addresses: ['10.89.0.1/24', 'fd00:89::1/64'],
    networks: ['pods'],
    containers,
    otherPorts: [],
    ...changes,
  };
}

export function graphOf(changes: Partial<Graph> = {}): Graph {
  return {
    uplinks: [{ interface: 'eth0', addresses: ['203.0.113.2/24'], via: ['203.0.113.1'] }],
    forwarding: [4, 6],
    bridges: [],
    unattached: [],
    ...changes,
  };
}

/** Every sort of endpoint on two bridges, and one on none; all names are hostile. */
export function hostileGraph(name = HOSTILE): Graph {
  const foreign = { pod: name, network: name, ifName: name, hostVeth: name };
  return graphOf({
    bridges: [
      bridgeOf([endpointOf(foreign), endpointOf({ ...foreign, state: 'dead', port: 'missing', evidence: name })], {
        networks: [name],
        otherPorts: [name],
      }),
      bridgeOf([endpointOf({ ...foreign, masqueraded: false, port: 'elsewhere' })], { name, link: 'missing' }),
    ],
    unattached: [endpointOf({ ...foreign, state: 'unknown' })],
  });
}
