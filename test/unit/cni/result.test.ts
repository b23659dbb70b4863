/** The result of ADD in each version of the specification, there and back. */

import { describe, expect, test } from 'bun:test';
import { type Cidr, parseCidr } from '../../../src/address/cidr.ts';
import { type Ip, parseIp } from '../../../src/address/ip.ts';
import { decodeResult, encodeResult, type Result } from '../../../src/cni/result.ts';
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
      interfaces: [{ name: 'cni0', sandbox: '', socketPath: '/x', pciID: '1' }],
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
