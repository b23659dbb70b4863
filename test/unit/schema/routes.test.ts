/** Lists of routes: what is the same to the kernel, and what it refuses. */

import { describe, expect, test } from 'bun:test';
import { type Cidr, parseCidr } from '../../../src/address/cidr.ts';
import { parseIp } from '../../../src/address/ip.ts';
import type { Route } from '../../../src/schema/net.ts';
import { distinctRoutes, verifyRoutes } from '../../../src/schema/routes.ts';
import { faultOf } from '../../support/fault.ts';

function to(dst: string, gw?: string, more: Partial<Route> = {}): Route {
  return { dst: parseCidr(dst) as Cidr, ...(gw !== undefined && { gw: parseIp(gw) }), ...more };
}

describe('one route are', () => {
  test.each<[string, Route, Route]>([
    ['equal ones', to('10.2.0.0/16', '10.1.0.1'), to('10.2.0.0/16', '10.1.0.1')],
    ['those without a gateway', to('10.2.0.0/16'), to('10.2.0.0/16')],
    ['those to one network', to('10.2.0.0/16'), to('10.2.3.4/16')],
    ['those with the kernel’s defaults', to('10.2.0.0/16'), to('10.2.0.0/16', undefined, { priority: 0, table: 254 })],
    ['those without MTU', to('10.2.0.0/16'), to('10.2.0.0/16', undefined, { mtu: 0, advmss: 0, table: 0 })],
    ['IPv4 through a gateway', to('10.2.0.0/16', '10.1.0.1'), to('10.2.0.0/16', '10.1.0.1', { scope: 0 })],
    ['IPv6 of the default priority', to('fd02::/64'), to('fd02::/64', undefined, { priority: 1024 })],
    ['IPv6 of any scope', to('fd02::/64'), to('fd02::/64', undefined, { scope: 253 })],
  ])('%s', (_, first, second) => {
    expect(distinctRoutes([first, to('10.9.0.0/16'), second])).toEqual([first, to('10.9.0.0/16')]);
    expect(() => verifyRoutes([first, second], 'ipam.routes')).not.toThrow();
  });
});

describe('two routes are', () => {
  test.each<[string, Route, Route]>([
    ['those through different gateways', to('10.2.0.0/16', '10.1.0.1'), to('10.2.0.0/16', '10.1.0.2')],
    ['IPv6 through different gateways', to('fd02::/64', 'fd00::1'), to('fd02::/64', 'fd00::2')],
    ['those of different priority', to('10.2.0.0/16'), to('10.2.0.0/16', undefined, { priority: 7 })],
    ['those in different tables', to('fd02::/64'), to('fd02::/64', undefined, { table: 100 })],
    ['those of different length', to('10.2.0.0/16'), to('10.2.0.0/24')],
    ['IPv4 of different MTU', to('10.2.0.0/16'), to('10.2.0.0/16', undefined, { mtu: 1400 })],
    ['IPv4 of different scope', to('10.2.0.0/16'), to('10.2.0.0/16', undefined, { scope: 253 })],
  ])('%s', (_, first, second) => {
    expect(distinctRoutes([first, second])).toEqual([first, second]);
    expect(() => verifyRoutes([first, second], 'ipam.routes')).not.toThrow();
  });
});

describe('refused are', () => {
  test.each<[string, Route[], string]>([
    [
      'a gateway of the other family',
      [to('10.2.0.0/16'), to('10.3.0.0/16', 'fd00::1')],
      'ipam.routes[1]: gw fd00::1 is not of the family of dst 10.3.0.0/16',
    ],
    [
      'IPv6 routes that differ in MTU alone',
      [to('fd02::/64', 'fd00::1'), to('10.2.0.0/16'), to('fd02::/64', 'fd00::1', { mtu: 1400 })],
      'ipam.routes[0] and ipam.routes[2]: two IPv6 routes to fd02::/64 that differ in mtu or advmss alone',
    ],
  ])('%s', (_, routes, reason) => {
    const fault = faultOf(() => verifyRoutes(routes, 'ipam.routes'));
    expect([fault.kind, fault.message]).toEqual(['config', `cannot use the configuration: ${reason}`]);
  });
});
