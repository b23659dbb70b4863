/** The result of ADD in each version of the specification, there and back. */

import { describe, expect, test } from 'bun:test';
import { type Cidr, formatCidr, parseCidr } from '../../../src/address/cidr.ts';
import { type Ip, parseIp } from '../../../src/address/ip.ts';
import { decodeResult, encodeResult, ipsOf, mergeResult, type Result } from '../../../src/cni/result.ts';
import { type CniVersion, VERSIONS } from '../../../src/cni/versions.ts';
import { faultOf } from '../../support/fault.ts';

const cidr = (text: string) => parseCidr(text) as Cidr;
const ip = (text: string) => parseIp(text) as Ip;

const RESULT: Result = {
  interfaces: [
    { name: 'cni0', mac: '02:00:00:00:00:03' },
    { name: 'vethabc', mac: '02:00:00:00:00:01' },
    { name: 'eth0', mac: '02:00:00:00:00:02', mtu: 1400, sandbox: '/run/netns/x' },
  ],
  ips: [
    { address: cidr('10.1.0.2/24'), gateway: ip('10.1.0.1'), interface: 2 },
    { address: cidr('fd00::2/64'), gateway: undefined, interface: 2 },
  ],
  routes: [
    { dst: cidr('0.0.0.0/0'), gw: ip('10.1.0.1'), mtu: 1300, advmss: 1260, priority: 7, table: 100, scope: 0 },
    { dst: cidr('fd01::/64') },
  ],
  dns: { nameservers: ['10.1.0.1'], search: ['x'] },
};
const EMPTY: Result = { interfaces: [], ips: [], routes: [], dns: {} };

const INTERFACES = [
  { name: 'cni0', mac: '02:00:00:00:00:03' },
  { name: 'vethabc', mac: '02:00:00:00:00:01' },
  { name: 'eth0', mac: '02:00:00:00:00:02', sandbox: '/run/netns/x' },
];
const IPS = [
  { interface: 2, address: '10.1.0.2/24', gateway: '10.1.0.1' },
  { interface: 2, address: 'fd00::2/64' },
];
const ROUTES = [{ dst: '0.0.0.0/0', gw: '10.1.0.1' }, { dst: 'fd01::/64' }];
const DNS = { nameservers: ['10.1.0.1'], search: ['x'] };

describe('in', () => {
  test.each(['0.1.0', '0.2.0'] as const)('%s there is one address a family, with its routes', (cniVersion) => {
    expect(plain(encodeResult(RESULT, cniVersion))).toEqual({
      cniVersion,
      ip4: { ip: '10.1.0.2/24', gateway: '10.1.0.1', routes: [ROUTES[0]] },
      ip6: { ip: 'fd00::2/64', routes: [ROUTES[1]] },
      dns: DNS,
    });
  });

  test.each(['0.3.0', '0.3.1', '0.4.0'] as const)('%s addresses say their family', (cniVersion) => {
    expect(plain(encodeResult(RESULT, cniVersion))).toEqual({
      cniVersion,
      interfaces: INTERFACES,
      ips: [
        { version: '4', ...IPS[0] },
        { version: '6', ...IPS[1] },
      ],
      routes: ROUTES,
      dns: DNS,
    });
  });

  test('1.0.0 they do not', () => {
    const expected = { cniVersion: '1.0.0', interfaces: INTERFACES, ips: IPS, routes: ROUTES, dns: DNS };
    expect(plain(encodeResult(RESULT, '1.0.0'))).toEqual(expected);
  });

  test('1.1.0 interfaces have an MTU, and routes all they may have', () => {
    expect(plain(encodeResult(RESULT, '1.1.0'))).toEqual({
      cniVersion: '1.1.0',
      interfaces: [INTERFACES[0], INTERFACES[1], { ...INTERFACES[2], mtu: 1400 }],
      ips: IPS,
      routes: [{ ...ROUTES[0], mtu: 1300, advmss: 1260, priority: 7, table: 100, scope: 0 }, ROUTES[1]],
      dns: DNS,
    });
  });

  test.each([...VERSIONS])('%s what is not there is left out', (cniVersion) => {
    expect(plain(encodeResult(EMPTY, cniVersion))).toEqual(
      cniVersion < '1.0.0' ? { cniVersion, dns: {} } : { cniVersion },
    );
  });
});

describe('there and back', () => {
  test.each([...VERSIONS])('%s', (version) => {
    const old = version < '0.3.0';
    const latest = version === '1.1.0';
    const decoded = decodeResult(plain(encodeResult(RESULT, version)), 'prevResult');
    expect(plain(decoded)).toEqual(
      plain({
        interfaces: old ? [] : RESULT.interfaces.map((link) => (latest ? link : { ...link, mtu: undefined })),
        ips: RESULT.ips.map((one) => (old ? { ...one, interface: undefined } : one)),
        routes: RESULT.routes.map((route) => (latest ? route : { dst: route.dst, gw: route.gw })),
        dns: RESULT.dns,
      }),
    );
  });
});

describe('a result of another plugin', () => {
  test('may have empty sandboxes, and keys that we do not know', () => {
    const json = {
      cniVersion: '1.1.0',
      interfaces: [{ name: 'cni0', sandbox: '', more: '/x' }],
      ips: [{ address: '10.1.0.2/24', gateway: '', interface: 0, more: 1 }],
      unknown: {},
    };
    expect(decodeResult(json, 'prevResult')).toEqual({
      interfaces: [{ name: 'cni0', sandbox: undefined }],
      ips: [{ address: cidr('10.1.0.2/24'), gateway: undefined, interface: 0 }],
      routes: [],
      dns: {},
    });
  });

  test.each([
    [{ ips: [{ address: '10.1.0.2' }] }, 'cannot use prevResult: ips[0].address: "10.1.0.2" is not an address'],
    [{ ips: [{}] }, 'cannot use prevResult: ips[0].address is missing'],
    [{ interfaces: {} }, 'cannot use prevResult: interfaces: expected a list, found an object'],
    [{ routes: [{ dst: 'x' }] }, 'cannot use prevResult: routes[0].dst: "x" is not an address with a prefix length'],
    ['x', 'cannot use prevResult: expected an object, found the string "x"'],
  ])('that cannot be used is the sender’s fault: %j', (json, message) => {
    const fault = faultOf(() => decodeResult(json, 'prevResult'));
    expect(fault.kind).toBe('decode');
    expect(fault.message).toStartWith(message);
  });
});

test('the first address of a family is the one that an old version has room for', () => {
  const ips = ['10.1.0.2/24', '10.2.0.2/24'].map((text) => ({ address: cidr(text) }));
  const encoded = plain(encodeResult({ ...EMPTY, ips }, '0.2.0' as CniVersion)) as { ip4: unknown };
  expect(encoded.ip4).toEqual({ ip: '10.1.0.2/24' });
});

/** As JSON, in which addresses are text and what is undefined is not there. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, entry) => (typeof entry === 'bigint' ? `${entry}n` : entry)));
}

describe('after another plugin of the list', () => {
  const PREVIOUS: Result = {
    interfaces: [
      { name: 'eth9', sandbox: '/run/netns/x', mtu: 9000, pciID: '0000:00:1f.6', socketPath: '/run/vhost' },
      { name: 'up0' },
    ],
    ips: [{ address: cidr('192.0.2.2/24'), gateway: ip('192.0.2.1'), interface: 0 }, { address: cidr('192.0.2.3/32') }],
    routes: [{ dst: cidr('198.51.100.0/24'), gw: ip('192.0.2.1') }],
    dns: { nameservers: ['192.0.2.53', '10.1.0.1'], domain: 'previous', options: ['ndots:2'] },
  };
  const merged = mergeResult(PREVIOUS, RESULT);

  test.each(VERSIONS.slice(2))('the result has that of both, in %s', (cniVersion) => {
    const json = plain(encodeResult(merged, cniVersion)) as Record<string, Record<string, unknown>[]>;
    expect(json.cniVersion as unknown).toBe(cniVersion);
    expect(json.interfaces?.map(({ name }) => name)).toEqual(['eth9', 'up0', 'cni0', 'vethabc', 'eth0']);
    expect(json.ips?.map(({ address, interface: place }) => [address, place])).toEqual([
      ['192.0.2.2/24', 0],
      ['192.0.2.3/32', undefined],
      ['10.1.0.2/24', 4],
      ['fd00::2/64', 4],
    ]);
    expect(json.routes?.map(({ dst, gw }) => [dst, gw])).toEqual([
      ['198.51.100.0/24', '192.0.2.1'],
      ['0.0.0.0/0', '10.1.0.1'],
      ['fd01::/64', undefined],
    ]);
    expect(json.dns as unknown).toEqual({
      nameservers: ['192.0.2.53', '10.1.0.1'],
      domain: 'previous',
      search: ['x'],
      options: ['ndots:2'],
    });
  });

  test('1.1.0 keeps what it alone knows of the interfaces of others', () => {
    const { interfaces } = plain(encodeResult(merged, '1.1.0')) as { interfaces: unknown[] };
    expect(interfaces[0]).toEqual({ ...PREVIOUS.interfaces[0] });
    const older = plain(encodeResult(merged, '1.0.0')) as { interfaces: unknown[] };
    expect(older.interfaces[0]).toEqual({ name: 'eth9', sandbox: '/run/netns/x' });
    expect(decodeResult(encodeResult(merged, '1.1.0'), 'it').interfaces.slice(0, 2)).toEqual([...PREVIOUS.interfaces]);
  });

  test('our domain stands in place of the previous one', () => {
    const own = { ...RESULT, dns: { domain: 'ours' } };
    expect(mergeResult(PREVIOUS, own).dns).toMatchObject({ domain: 'ours', nameservers: PREVIOUS.dns.nameservers });
  });

  test('a result without anything adds nothing', () => {
    expect(plain(encodeResult(mergeResult(PREVIOUS, EMPTY), '1.1.0'))).toEqual(plain(encodeResult(PREVIOUS, '1.1.0')));
    expect(plain(encodeResult(mergeResult(EMPTY, RESULT), '1.1.0'))).toEqual(plain(encodeResult(RESULT, '1.1.0')));
    expect(mergeResult(undefined, RESULT)).toBe(RESULT);
  });

  test('the addresses of one interface are told from those of others', () => {
    const addresses = (ifName: string) => ipsOf(merged, ifName).map(({ address }) => formatCidr(address));
    expect(addresses('eth0')).toEqual(['192.0.2.3/32', '10.1.0.2/24', 'fd00::2/64']);
    expect(addresses('eth9')).toEqual(['192.0.2.2/24', '192.0.2.3/32']);
    expect(addresses('up0')).toEqual(['192.0.2.3/32']);
  });
});
