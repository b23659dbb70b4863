/** What host-local's keys say: ranges, requested addresses, routes. */

import type { Config } from '../../../../e2e/support/network.ts';
import type { Case } from '../case.ts';

export const V4 = { subnet: '10.89.0.0/24' };
export const V6 = { subnet: 'fd00:89::/64' };

/** Host-local's section with one range set for each range. */
export function hostLocal(ranges: readonly Config[], extra: Config = {}): Config {
  return { type: 'host-local', ranges: ranges.map((range) => [range]), ...extra };
}

const gateway = { isDefaultGateway: true };
const three = [{}, {}, {}];

/** A network with these ranges. */
function ranging(name: string, ipam: Config, extra: Partial<Case> = {}): Case {
  return { name, config: { ...gateway, ipam: { type: 'host-local', ...ipam } }, ...extra };
}

const one = (range: Config) => ({ ranges: [[range]] });

export const RANGES: readonly Case[] = [
  ranging('a subnet, old style', V4),
  ranging('a subnet, old style, with the rest of a range', {
    ...V4,
    rangeStart: '10.89.0.100',
    rangeEnd: '10.89.0.110',
    gateway: '10.89.0.99',
  }),
  ranging('old style and ranges', { ...V6, ranges: [[V4]] }),
  ranging('two sets of IPv6', { ranges: [[V6], [{ subnet: 'fd00:90::/64' }]] }),
  ranging('IPv6 before IPv4', { ranges: [[V6], [V4]] }),
  ranging('two sets of IPv4 subnets', { ranges: [[V4], [{ subnet: '10.90.0.0/24' }]] }),
  {
    name: 'pools, tried in order',
    config: {
      ipam: {
        type: 'host-local',
        ranges: [[{ ...V4, rangeStart: '10.89.0.5', rangeEnd: '10.89.0.6' }, { subnet: '10.90.0.0/24' }]],
      },
    },
    containers: three,
  },
  ranging('a gateway in the middle of the range', one({ ...V4, rangeStart: '10.89.0.4', gateway: '10.89.0.5' }), {
    containers: three,
  }),
  ranging('a gateway that is the range’s first', one({ ...V4, rangeStart: '10.89.0.9', gateway: '10.89.0.9' })),
  ranging('a gateway at the end', one({ ...V4, gateway: '10.89.0.254' })),
  ranging('a gateway outside of the subnet', one({ ...V4, gateway: '10.90.0.1' })),
  ranging('a range of one', one({ ...V4, rangeStart: '10.89.0.7', rangeEnd: '10.89.0.7' }), { containers: [{}, {}] }),
  ranging('a range that begins with the network’s address', one({ ...V4, rangeStart: '10.89.0.0' })),
  ranging(
    'a range that ends with the broadcast address',
    one({ ...V4, rangeStart: '10.89.0.255', rangeEnd: '10.89.0.255' }),
  ),
  ranging('/30', one({ subnet: '10.89.0.4/30' }), { containers: three }),
  ranging('/126', one({ subnet: 'fd00:89::4/126' }), { containers: three }),
  ranging('/8', one({ subnet: '10.0.0.0/8' })),
  ranging('/112', one({ subnet: 'fd00:89::1:0/112' })),
  ranging(
    'IPv6, written at length',
    one({ subnet: 'FD00:0089:0000:0000:0000:0000:0000:0000/64', rangeStart: 'fd00:89:0::0:10' }),
  ),
  ranging('"" for what is not said', one({ ...V4, rangeStart: '', rangeEnd: '', gateway: '' })),
  ranging('null for what is not said', {
    ...one({ ...V4, rangeStart: null, gateway: null }),
    routes: null,
    resolvConf: null,
  }),
  ranging('keys that are none of host-local’s', { ...one({ ...V4, colour: 'red' }), name: 'other', capabilities: {} }),
  ranging('keys in other cases', { RANGES: [[{ Subnet: V4.subnet, rangestart: '10.89.0.40' }]] }),
  ranging('a lease of somebody else', V4, { files: { 'networks/pods/10.89.0.2': 'other\r\neth0' } }),
  ranging('going on where the last one stopped', V4, { files: { 'networks/pods/last_reserved_ip.0': '10.89.0.77' } }),
  ranging('going on after the end', V4, { files: { 'networks/pods/last_reserved_ip.0': '10.89.0.254' } }),
  ranging('going on from what is not in the range', V4, { files: { 'networks/pods/last_reserved_ip.0': '10.1.1.1' } }),
  ranging('going on from garbage', V4, { files: { 'networks/pods/last_reserved_ip.0': 'garbage' } }),
  {
    name: 'the capability ipRanges',
    config: { ...gateway, ipam: hostLocal([]) },
    containers: [{ runtimeConfig: { ipRanges: [[V4]] } }],
  },
  {
    name: 'the capability ipRanges before ranges',
    config: { ...gateway, ipam: hostLocal([V4]) },
    containers: [{ runtimeConfig: { ipRanges: [[V6]] } }],
  },
  {
    name: 'the capability ipRanges, empty',
    config: { ...gateway, ipam: hostLocal([V4]) },
    containers: [{ runtimeConfig: { ipRanges: [] } }],
  },
];

const dual = { ...gateway, ipam: hostLocal([V4, V6]) };
const ips = (...addresses: string[]) => ({ runtimeConfig: { ips: addresses } });
const cniArgs = (...addresses: string[]) => ({ args: { cni: { ips: addresses } } });

export const REQUESTED: readonly Case[] = [
  { name: 'the capability ips', config: dual, containers: [ips('10.89.0.50', 'fd00:89::50')] },
  { name: 'the capability ips, with lengths', config: dual, containers: [ips('10.89.0.50/24', 'fd00:89::50/64')] },
  { name: 'the capability ips, of one family', config: dual, containers: [ips('fd00:89::50'), {}] },
  { name: 'the capability ips, empty', config: dual, containers: [ips()] },
  { name: 'the same address twice', config: dual, containers: [ips('10.89.0.50', '10.89.0.50')] },
  { name: 'args.cni.ips', config: dual, containers: [cniArgs('10.89.0.50')] },
  {
    name: 'args.cni.ips and the capability',
    config: dual,
    containers: [{ ...cniArgs('10.89.0.50'), ...ips('fd00:89::50') }],
  },
  { name: 'CNI_ARGS IP', config: dual, call: { args: 'IgnoreUnknown=1;IP=10.89.0.50' } },
  { name: 'CNI_ARGS IP, with length', config: dual, call: { args: 'IP=10.89.0.50/16;IgnoreUnknown=true' } },
  { name: 'CNI_ARGS IP, empty', config: dual, call: { args: 'IP=;IgnoreUnknown=true' } },
  {
    name: 'CNI_ARGS IP and the capability',
    config: dual,
    call: { args: 'IgnoreUnknown=1;IP=10.89.0.50' },
    containers: [ips('fd00:89::50')],
  },
  {
    name: 'an address from the second pool',
    config: { ipam: { type: 'host-local', ranges: [[V4, { subnet: '10.90.0.0/24' }]] } },
    containers: [ips('10.90.0.9'), {}],
  },
  {
    name: 'the network’s address requested',
    config: { ipam: hostLocal([{ ...V4, rangeStart: '10.89.0.0' }]) },
    containers: [ips('10.89.0.0')],
  },
];

const routed = (name: string, routes: readonly Config[], extra: Config = {}): Case => ({
  name,
  config: { ...gateway, ipam: hostLocal([V4, V6], { routes }), ...extra },
});

export const ROUTES: readonly Case[] = [
  routed('routes', [{ dst: '192.0.2.0/24' }, { dst: '2001:db8:1::/48' }]),
  routed('routes with gateways', [
    { dst: '192.0.2.0/24', gw: '10.89.0.9' },
    { dst: '2001:db8:1::/48', gw: 'fd00:89::9' },
  ]),
  routed('a route with host bits', [{ dst: '192.0.2.77/24' }]),
  routed('the default route from IPAM', [{ dst: '0.0.0.0/0' }], { isDefaultGateway: false, isGateway: true }),
  routed('default routes with other gateways from IPAM', [
    { dst: '0.0.0.0/0', gw: '10.89.0.9' },
    { dst: '::/0', gw: 'fd00:89::9' },
  ]),
  routed('default routes without gateway from IPAM, beside isDefaultGateway', [{ dst: '0.0.0.0/0' }, { dst: '::/0' }]),
  routed('a default route in a table, beside isDefaultGateway', [{ dst: '0.0.0.0/0', gw: '10.89.0.9', table: 100 }]),
  routed('a default route with a priority, beside isDefaultGateway', [
    { dst: '0.0.0.0/0', gw: '10.89.0.9', priority: 100 },
  ]),
  routed('routes without isGateway', [{ dst: '192.0.2.0/24' }, { dst: '2001:db8:1::/48' }], {
    isDefaultGateway: false,
  }),
  routed('priority', [
    { dst: '192.0.2.0/24', priority: 7 },
    { dst: '2001:db8:1::/48', priority: 7 },
  ]),
  routed('table', [
    { dst: '192.0.2.0/24', table: 100 },
    { dst: '2001:db8:1::/48', table: 100 },
  ]),
  routed('table 0', [{ dst: '192.0.2.0/24', table: 0 }]),
  routed('table beyond a byte', [{ dst: '192.0.2.0/24', table: 1000 }]),
  routed('mtu and advmss', [{ dst: '192.0.2.0/24', mtu: 1300, advmss: 1200 }]),
  routed('equal routes', [{ dst: '192.0.2.0/24' }, { dst: '192.0.2.0/24' }]),
  routed('the same route twice', [{ dst: '192.0.2.0/24' }, { dst: '192.0.2.0/24', gw: '10.89.0.9' }]),
  routed('the subnet’s own route', [{ dst: '10.89.0.0/24' }]),
  routed('1.1.0’s keys under 1.0.0', [{ dst: '192.0.2.0/24', priority: 7, table: 100, mtu: 1300 }], {
    cniVersion: '1.0.0',
  }),
  routed('1.1.0’s keys under 0.4.0', [{ dst: '192.0.2.0/24', priority: 7 }], { cniVersion: '0.4.0' }),
  routed('1.1.0’s keys under 0.2.0', [{ dst: '192.0.2.0/24', priority: 7 }], { cniVersion: '0.2.0' }),
];
