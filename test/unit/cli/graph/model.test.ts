/** What `trestle graph` draws, from an inventory and what surrounds it. */

import { describe, expect, test } from 'bun:test';
import { parseCidr } from '../../../../src/address/cidr.ts';
import { drawGraph, masquerading, type Surroundings } from '../../../../src/cli/graph/model.ts';
import { parseConfiguration } from '../../../../src/cli/inventory/configurations.ts';
import type { Inventory } from '../../../../src/cli/inventory/inventory.ts';
import { dead, unknown } from '../../../../src/ipam/index.ts';
import type { LinkAddress } from '../../../../src/netlink/route/address.ts';
import type { Link } from '../../../../src/netlink/route/link.ts';
import { endpointOf, listedOf } from './values.ts';

function linkOf(changes: Partial<Link> & Pick<Link, 'index' | 'name'>): Link {
  return {
    ...{ kind: 'veth', up: true, promiscuous: false, carrier: true, mac: new Uint8Array(6), mtu: 1500 },
    ...{ master: undefined, peer: undefined, peerNetns: undefined, alias: undefined, port: undefined },
    ...{ families: undefined, data: undefined, properties: undefined },
    ...changes,
  };
}

function addressOf(index: number, text: string): LinkAddress {
  const address = parseCidr(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return { index, address, tentative: false, duplicate: false };
}

const CNI0 = linkOf({ index: 10, name: 'cni0', kind: 'bridge', alias: 'trestle:bridge' });
const CNI1 = linkOf({ index: 20, name: 'cni1', kind: 'bridge', alias: 'trestle:bridge', up: false });
const FOREIGN = linkOf({ index: 30, name: 'docker0', kind: 'bridge' });
const PORT = linkOf({ index: 11, name: 'veth0000000000a', master: 10 });

function inventoryOf(changes: Partial<Inventory> = {}): Inventory {
  return { configurations: [], dataDirs: [], networks: [], attachments: [], links: [CNI0, PORT], ...changes };
}

const AROUND: Surroundings = {
  uplinks: [],
  forwarding: [4],
  addresses: [addressOf(10, '10.89.0.1/24'), addressOf(99, '192.0.2.1/24')],
  masqueraded: () => undefined,
};

describe('the graph', () => {
  test('has a bridge with its addresses, networks and containers, and the ports of others', () => {
    const other = linkOf({ index: 12, name: 'eth1', master: 10 });
    const inventory = inventoryOf({ links: [CNI0, PORT, other, FOREIGN], attachments: [listedOf()] });
    expect(drawGraph(inventory, AROUND)).toMatchObject({
      forwarding: [4],
      bridges: [
        {
          ...{ name: 'cni0', link: 'up', mtu: 1500, addresses: ['10.89.0.1/24'], networks: ['pods'] },
          otherPorts: ['eth1'],
          containers: [{ hostVeth: PORT.name, port: 'up', state: 'alive' }],
        },
      ],
      unattached: [],
    });
  });

  test.each([
    ['up', [PORT]],
    ['down', [{ ...PORT, up: false }]],
    ['down', [{ ...PORT, carrier: false }]],
    ['missing', []],
    ['elsewhere', [{ ...PORT, master: undefined }]],
    ['elsewhere', [{ ...PORT, master: 30 }]],
  ] as const)('tells that a port is %s', (port, links) => {
    const inventory = inventoryOf({ links: [CNI0, FOREIGN, ...links], attachments: [listedOf()] });
    expect(drawGraph(inventory, AROUND).bridges[0]?.containers[0]?.port).toBe(port);
  });

  test('has bridges without containers, and those that only records name', () => {
    const attachments = [listedOf({ bridge: 'gone0', life: dead('it is gone') })];
    const { bridges } = drawGraph(inventoryOf({ links: [CNI0, CNI1], attachments }), AROUND);
    expect(bridges.map(({ name, link, containers }) => [name, link, containers.length])).toEqual([
      ['cni0', 'up', 0],
      ['cni1', 'down', 0],
      ['gone0', 'missing', 1],
    ]);
  });

  test('of one network has its bridge alone, by records or by the configuration', () => {
    const text = JSON.stringify({ name: 'pods', cniVersion: '1.0.0', type: 'trestle' });
    const configurations = [parseConfiguration('/etc/cni/net.d/a.conf', text)];
    const inventory = inventoryOf({ links: [CNI0, CNI1], configurations });
    const drawn = (only: string) =>
      drawGraph(inventory, AROUND, only).bridges.map(({ name, networks }) => [name, networks]);
    expect(drawn('pods')).toEqual([['cni0', ['pods']]]);
    expect(drawn('other')).toEqual([]);
  });

  test('counts the addresses of a VLAN gateway as those of its bridge', () => {
    const vlan = linkOf({ index: 40, name: 'cni0.7', alias: 'trestle:gateway' });
    const around = { ...AROUND, addresses: [addressOf(40, '10.7.0.1/24')] };
    const { bridges } = drawGraph(inventoryOf({ links: [CNI0, vlan] }), around);
    expect(bridges[0]?.addresses).toEqual(['10.7.0.1/24']);
  });

  test('keeps what is on no bridge that is known', () => {
    const lease = listedOf({ bridge: undefined, hostVeth: undefined, life: unknown('there is a lease') });
    const { unattached, bridges } = drawGraph(inventoryOf({ attachments: [lease], links: [] }), AROUND);
    expect(bridges).toEqual([]);
    expect(unattached).toMatchObject([{ state: 'unknown', evidence: 'there is a lease', port: 'missing' }]);
  });

  test('names a pod with its namespace', () => {
    const attachments = [listedOf({ pod: { name: 'web-0' } })];
    expect(drawGraph(inventoryOf({ attachments }), AROUND).bridges[0]?.containers[0]?.pod).toBe('default/web-0');
  });
});

test('masquerading counts those that want it', () => {
  const all = [true, false, undefined].map((masqueraded) => endpointOf({ masqueraded }));
  expect(masquerading(all)).toEqual({ wanted: 2, present: 1 });
});
