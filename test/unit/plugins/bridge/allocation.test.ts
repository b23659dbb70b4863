import { describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cidr, formatCidr, parseCidr } from '../../../../src/address/cidr.ts';
import { formatIp, type Ip, parseIp } from '../../../../src/address/ip.ts';
import { readHost } from '../../../../src/ipam/index.ts';
import { silentLog } from '../../../../src/log.ts';
import { type Allocation, allocate, planOf } from '../../../../src/plugins/allocation.ts';
import { familiesOf, gatewaysOf, withGateways } from '../../../../src/plugins/bridge/plan.ts';
import type { MainRequest } from '../../../../src/plugins/bridge/request.ts';
import { readSettings } from '../../../../src/plugins/bridge/settings.ts';
import type { Route } from '../../../../src/schema/net.ts';
import { scratchDirectory } from '../../../support/scratch.ts';
import { requestOf } from './requests.ts';

const ip = (text: string) => parseIp(text) as Ip;
const cidr = (text: string) => parseCidr(text) as Cidr;
const settings = (config: object) => readSettings(requestOf(config).config);
const PLAIN = settings({});
const GATEWAY = settings({ isGateway: true });
const DEFAULT = settings({ isDefaultGateway: true });

/** Addresses with their gateways, `10.1.0.2/24 10.1.0.1`, and routes. */
function allocation(addresses: readonly string[], routes: readonly Route[] = []): Allocation {
  const parsed = addresses.map((text) => {
    const [address = '', gateway] = text.split(' ');
    return { address: cidr(address), gateway: gateway === undefined ? undefined : ip(gateway) };
  });
  return { addresses: parsed, routes, dns: { domain: 'x' } };
}

const gateways = ({ addresses }: Allocation) => addresses.map(({ gateway }) => gateway && formatIp(gateway));
const routes = (of: Allocation) => of.routes.map(({ dst, gw }) => [formatCidr(dst), gw && formatIp(gw)]);

describe('gateways', () => {
  test('are not invented where the bridge is none', () => {
    const given = allocation(['10.1.0.2/24']);
    expect(withGateways(given, PLAIN)).toEqual(given);
  });

  test.each([
    ['10.1.0.2/24', '10.1.0.1'],
    ['10.1.200.2/16', '10.1.0.1'],
    ['10.1.0.130/25', '10.1.0.129'],
    ['fd00::1:2/64', 'fd00::1'],
    ['10.1.0.2/24 10.1.0.254', '10.1.0.254'],
  ])('of %s is %s', (address, expected) => {
    expect(gateways(withGateways(allocation([address]), GATEWAY))).toEqual([expected]);
  });

  test('leave all else as it was', () => {
    const given = allocation(['10.1.0.2/24'], [{ dst: cidr('10.9.0.0/16') }]);
    const { addresses, ...rest } = withGateways(given, GATEWAY);
    expect(rest).toEqual({ routes: given.routes, dns: { domain: 'x' } });
    expect(addresses.map(({ address }) => formatCidr(address))).toEqual(['10.1.0.2/24']);
  });
});

describe('default routes', () => {
  const BOTH = ['10.1.0.2/24', 'fd00::2/64'];

  test('are added where they are asked for, one a family', () => {
    expect(routes(withGateways(allocation(BOTH), GATEWAY))).toEqual([]);
    expect(routes(withGateways(allocation([...BOTH, '10.2.0.2/24']), DEFAULT))).toEqual([
      ['0.0.0.0/0', '10.1.0.1'],
      ['::/0', 'fd00::1'],
    ]);
  });

  test('that IPAM brought are enough', () => {
    const own = [{ dst: cidr('0.0.0.0/0'), gw: ip('10.1.0.9') }];
    expect(routes(withGateways(allocation(BOTH, own), DEFAULT))).toEqual([
      ['0.0.0.0/0', '10.1.0.9'],
      ['::/0', 'fd00::1'],
    ]);
  });

  test('of another table, and routes to other places, are none', () => {
    const own = [
      { dst: cidr('0.0.0.0/0'), table: 100 },
      { dst: cidr('0.0.0.0/1') },
      { dst: cidr('::/0'), gw: ip('fd00::9') },
    ];
    expect(routes(withGateways(allocation(BOTH, own), DEFAULT)).slice(3)).toEqual([['0.0.0.0/0', '10.1.0.1']]);
  });
});

test('the bridge gets each gateway once, with its subnet’s length', () => {
  const given = allocation([
    '10.1.0.2/24 10.1.0.1',
    '10.1.0.3/24 10.1.0.1',
    '10.2.0.2/16 10.2.0.1',
    'fd00::2/64',
    'fd01::2/48 fd01::1',
  ]);
  expect(gatewaysOf(given).map(formatCidr)).toEqual(['10.1.0.1/24', '10.2.0.1/16', 'fd01::1/48']);
  expect(gatewaysOf(allocation([]))).toEqual([]);
});

test('families are those of the addresses', () => {
  expect([...familiesOf(allocation(['fd00::2/64', '10.1.0.2/24', '10.2.0.2/24']))].sort()).toEqual([4, 6]);
  expect(familiesOf(allocation([])).size).toBe(0);
});

describe('what IPAM gives', () => {
  /** The allocation of an attachment on a store of its own. */
  function allocated(config: object): Allocation {
    const ipam = { type: 'trestle-ipam', dataDir: scratchDirectory(), subnet: '10.1.0.0/24', ...config };
    const request = requestOf({ ...config, ipam });
    return allocate(request, planOf(request), ownerOf(request), readHost(silentLog));
  }

  const ownerOf = ({ network, containerId, ifName }: MainRequest) => ({ network, containerId, ifName });

  function resolvConf(): string {
    const path = join(scratchDirectory(), 'resolv.conf');
    writeFileSync(path, 'nameserver 10.1.0.53\n');
    return path;
  }

  test('is an address with its gateway, and routes', () => {
    const { addresses, routes: given, dns } = allocated({ routes: [{ dst: '10.9.0.0/16' }] });
    expect(addresses.map(({ address }) => formatCidr(address))).toEqual(['10.1.0.2/24']);
    expect([gateways({ addresses, routes: given, dns }), given.map(({ dst }) => formatCidr(dst)), dns]).toEqual([
      ['10.1.0.1'],
      ['10.9.0.0/16'],
      {},
    ]);
  });

  test('is nothing without IPAM, but DNS as the configuration has it', () => {
    const request = requestOf({ dns: { domain: 'x' }, ipam: { dataDir: scratchDirectory() } });
    expect(planOf(request)).toBeUndefined();
    expect(allocate(request, undefined, ownerOf(request), readHost(silentLog))).toEqual({
      addresses: [],
      routes: [],
      dns: { domain: 'x' },
    });
  });

  test.each([[undefined], [{}], [{ domain: '' }]])(
    'is DNS of resolvConf where the configuration says nothing: %j',
    (dns) => {
      expect(allocated({ dns, resolvConf: resolvConf() }).dns).toMatchObject({ nameservers: ['10.1.0.53'] });
    },
  );

  test('is the configuration’s DNS where it says something', () => {
    const dns = { nameservers: ['10.1.0.99'] };
    expect(allocated({ dns, resolvConf: resolvConf() }).dns).toEqual(dns);
  });
});
