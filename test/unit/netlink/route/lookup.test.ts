/** Routes for one packet, neighbours, and the forwarding database of a bridge. */

import { describe, expect, test } from 'bun:test';
import { formatIp, type Ip, parseIp } from '../../../../src/address/ip.ts';
import { formatMac, parseMac } from '../../../../src/address/mac.ts';
import { decodeForwarding, findForwarding } from '../../../../src/netlink/route/forwarding-database.ts';
import { decodeWay, lookUpRoute } from '../../../../src/netlink/route/lookup.ts';
import { decodeNeighbour, findNeighbour } from '../../../../src/netlink/route/neighbour-table.ts';
import { bytesOf, payloadOf, sentFor } from '../fixture.ts';
import { testHardiness } from '../hardiness.ts';

const ip = (text: string) => parseIp(text) as Ip;

describe('the bytes of', () => {
  test.each([
    ['look up', lookUpRoute({ to: ip('203.0.113.1') })],
    ['look up, coming in', lookUpRoute({ to: ip('198.51.100.7'), from: ip('10.1.0.2'), input: 3, mark: 5 })],
    ['neighbour', findNeighbour(2, ip('203.0.113.1'))],
    ['forwarding', findForwarding(3, parseMac('ce:b5:c3:2d:b4:ce') as Uint8Array)],
  ])('%s', (section, request) => {
    expect(sentFor(request)).toEqual(bytesOf('trace', `ask: ${section}`));
  });
});

test.each([
  ['look up', undefined],
  ['look up, outside', '203.0.113.1'],
])('the way of %s', (section, gateway) => {
  const way = decodeWay(payloadOf('trace', section));
  expect(way).toMatchObject({ type: 1, index: 2, table: 254 });
  expect([way.gateway && formatIp(way.gateway), way.source && formatIp(way.source)]).toEqual([gateway, '203.0.113.2']);
});

test('a neighbour and an entry of a forwarding database', () => {
  const neighbour = decodeNeighbour(payloadOf('trace', 'neighbour'));
  expect(neighbour).toMatchObject({ index: 2, state: 'reachable', ip: ip('203.0.113.1') });
  expect(neighbour?.mac && formatMac(neighbour.mac)).toBe('36:29:81:e9:24:90');
  expect(decodeForwarding(payloadOf('trace', 'forwarding'))).toEqual({ index: 5, isPermanent: true, vlan: undefined });
  const failed = payloadOf('trace', 'neighbour').slice();
  failed[8] = 0x20;
  expect(decodeNeighbour(failed)?.state).toBe('failed');
});

describe.each([
  [decodeWay, 'look up, outside', 8],
  [decodeNeighbour, 'neighbour', 1],
  [decodeForwarding, 'forwarding', 8],
] as const)('%p stands', (decode, section, read) => {
  testHardiness(decode, payloadOf('trace', section).slice(), 12, read);
});
