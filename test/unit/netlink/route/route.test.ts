import { describe, expect, test } from 'bun:test';
import { type Cidr, formatCidr, parseCidr } from '../../../../src/address/cidr.ts';
import { formatIp, type Ip, parseIp } from '../../../../src/address/ip.ts';
import { Truncated } from '../../../../src/netlink/bytes.ts';
import {
  addRoute,
  decodeRoute,
  decodeRouteProtocol,
  decodeRoutes,
  findRoute,
  type LinkRoute,
  listRoutes,
} from '../../../../src/netlink/route/route.ts';
import { bytesOf, headerIn, payloadOf, saidIn, sentFor } from '../fixture.ts';
import { testHardiness } from '../hardiness.ts';

const cidr = (text: string) => parseCidr(text) as Cidr;
const ip = (text: string) => parseIp(text) as Ip;
const route = (dst: string, rest: Partial<LinkRoute> = {}): LinkRoute => ({ index: 3, dst: cidr(dst), ...rest });
const VIA = { gateway: ip('10.1.0.2') };

describe('a route', () => {
  test.each([
    ['default', { dst: '0.0.0.0/0', gateway: '10.1.0.2', table: 254, scope: 0 }],
    ['neighbours', { dst: '10.8.0.0/16', table: 254, scope: 253 }],
    [
      'metric, mtu, advmss',
      { dst: '10.9.0.0/16', gateway: '10.1.0.2', priority: 7, mtu: 1400, advmss: 1360, table: 254, scope: 0 },
    ],
    ['default in table 1000', { dst: '0.0.0.0/0', gateway: '10.1.0.2', table: 1000, scope: 0 }],
    ['IPv6', { dst: 'fd00:9::/48', gateway: 'fd00:1::2', priority: 1024, table: 254, scope: 0 }],
    ['IPv6 default', { dst: '::/0', gateway: 'fd00:1::2', priority: 1024, table: 254, scope: 0 }],
    ['found', { dst: '198.51.100.1/32', gateway: '10.1.0.2', table: 254, scope: 0 }],
    ['found, IPv6', { dst: '100::1/128', gateway: 'fd00:1::2', priority: 1024, table: 254, scope: 0 }],
  ])('%s', (section, expected) => {
    const { dst, gateway, ...rest } = decodeRoute(payloadOf('route', section)) as LinkRoute;
    const absent = { gateway: undefined, priority: undefined, mtu: undefined, advmss: undefined };
    expect({ dst: formatCidr(dst), gateway: gateway && formatIp(gateway), ...rest }).toEqual({
      index: 3,
      ...absent,
      ...expected,
    });
  });

  test.each(['blackhole', 'multipath', 'local'])('that is none of ours: %s', (section) => {
    expect(decodeRoute(payloadOf('route', section))).toBeUndefined();
  });

  test('of several ways is each of them', () => {
    const ways = decodeRoutes(payloadOf('route', 'multipath'));
    expect(ways.map(({ dst, gateway, index }) => [formatCidr(dst), gateway && formatIp(gateway), index])).toEqual([
      ['10.67.0.0/16', '10.1.0.2', 3],
      ['10.67.0.0/16', '10.1.0.3', 3],
    ]);
    expect(decodeRoutes(payloadOf('route', 'default'))).toEqual([
      decodeRoute(payloadOf('route', 'default')) as LinkRoute,
    ]);
    for (const section of ['blackhole', 'local']) expect(decodeRoutes(payloadOf('route', section))).toEqual([]);
  });

  test('has the table of its header where the kernel sends no other', () => {
    const payload = payloadOf('route', 'default').slice();
    payload[14] = 0xff; // the type of RTA_TABLE, the first attribute
    payload[4] = 100;
    expect(decodeRoute(payload)?.table).toBe(100);
  });
});

test('who made a route is a byte of its header', () => {
  const made = payloadOf('route', 'default').slice();
  expect(decodeRouteProtocol(made)).toBe(3);
  made[5] = 9;
  expect(decodeRouteProtocol(made)).toBe(9);
  expect(() => decodeRouteProtocol(made.subarray(0, 5))).toThrow(Truncated);
});

describe.each([
  [decodeRoute, 'metric, mtu, advmss'],
  [decodeRoutes, 'multipath'],
])('%p stands', (decode, section) => {
  testHardiness(decode, payloadOf('route', section), 12, 8);
});

describe('the bytes of', () => {
  test.each([
    ['metric, mtu, advmss', addRoute(route('10.9.0.0/16', { ...VIA, priority: 7, mtu: 1400, advmss: 1360 }))],
    ['default in table 1000', addRoute(route('0.0.0.0/0', { ...VIA, table: 1000 }))],
    ['IPv6', addRoute(route('fd00:9::/48', { gateway: ip('fd00:1::2') }))],
    ['neighbours, by ip', addRoute(route('10.8.0.0/16'))],
    ['neighbours, by ip', addRoute(route('10.8.3.4/16'))],
    ['table 100, scope host', addRoute(route('10.6.0.0/16', { table: 100, scope: 254 }))],
    ['list the main table', listRoutes(4)],
    ['list all tables', listRoutes(4, 0)],
    ['find', findRoute(ip('100::1'))],
  ])('%s', (section, request) => {
    expect(sentFor(request)).toEqual(bytesOf('route-change', section));
  });

  test('a route to neighbours in IPv6, which has no scopes', () => {
    expect(addRoute(route('fd00:9::/48')).header[6]).toBe(0);
  });

  test.each([
    [255, 255],
    [256, 0],
  ])('a route in table %d, in the header %d', (table, inHeader) => {
    expect(addRoute(route('10.6.0.0/16', { table })).header[4]).toBe(inHeader);
  });
});

describe('the same as ip says is said by', () => {
  test.each(['metric, mtu, advmss', 'default in table 1000', 'IPv6', 'table 100, scope host'])('%s', (section) => {
    // A short table's number stands in the header; that we say it twice does no harm.
    const ours = saidIn('route-change', section, section.startsWith('table 100') ? ['RTA_TABLE'] : []);
    expect(ours).toEqual(saidIn('route-change', `${section}, by ip`));
    expect(headerIn('route-change', section)).toBe(headerIn('route-change', `${section}, by ip`));
  });
});

test('what is done stands in the operation', () => {
  expect([addRoute(route('10.9.0.0/16', VIA)).operation, addRoute(route('10.8.0.0/16')).operation]).toEqual([
    'add the route 10.9.0.0/16 via 10.1.0.2',
    'add the route 10.8.0.0/16',
  ]);
});
