/** The routes that an interface gets, before they are sent. */

import { expect, test } from 'bun:test';
import { type Cidr, formatCidr, parseCidr } from '../../../src/address/cidr.ts';
import { formatIp, type Ip, parseIp } from '../../../src/address/ip.ts';
import { type AddressingWanted, linkRoutes } from '../../../src/resources/addressing/addressing.ts';
import type { Route } from '../../../src/schema/net.ts';

const cidr = (text: string) => parseCidr(text) as Cidr;
const ip = (text: string) => parseIp(text) as Ip;
const V4 = { address: cidr('10.1.0.2/24'), gateway: ip('10.1.0.1') };
const V6 = { address: cidr('fd00::2/64'), gateway: ip('fd00::1') };

type Given = Pick<AddressingWanted, 'addresses' | 'routes'>;

function addressing(addresses: Given['addresses'], routes: readonly Route[] = []): Given {
  return { addresses, routes };
}

const texts = (given: Given) =>
  linkRoutes(7, given).map(({ index, dst, gateway }) => [index, formatCidr(dst), gateway && formatIp(gateway)]);

test('a route without a gateway goes through that of its family', () => {
  const routes = [
    { dst: cidr('0.0.0.0/0') },
    { dst: cidr('fd01::/48') },
    { dst: cidr('10.9.0.0/16'), gw: ip('10.1.0.9') },
  ];
  expect(texts(addressing([V4, V6], routes))).toEqual([
    [7, '0.0.0.0/0', '10.1.0.1'],
    [7, 'fd01::/48', 'fd00::1'],
    [7, '10.9.0.0/16', '10.1.0.9'],
  ]);
});

test('where there is no such gateway, it leads to neighbours', () => {
  const routes = [{ dst: cidr('10.9.0.0/16') }, { dst: cidr('fd01::/48') }];
  expect(texts(addressing([{ address: V4.address, gateway: undefined }, V6], routes))).toEqual([
    [7, '10.9.0.0/16', undefined],
    [7, 'fd01::/48', 'fd00::1'],
  ]);
});

test('all else of a route is kept', () => {
  const route = { dst: cidr('10.9.0.0/16'), mtu: 1400, advmss: 1360, priority: 7, table: 100, scope: 253 };
  expect(linkRoutes(7, addressing([V4], [route]))).toEqual([{ ...route, index: 7, gateway: V4.gateway }]);
});
