/** What both have to refuse. */

import type { Config } from '../../../../e2e/support/network.ts';
import type { Case } from '../case.ts';
import { hostLocal, V4, V6 } from './ranges.ts';

const four = { isDefaultGateway: true, ipam: hostLocal([V4]) };

const config = (name: string, extra: Config): Case => ({ name, config: { ...four, ...extra } });
const range = (name: string, ...ranges: Config[]): Case => ({ name, config: { ...four, ipam: hostLocal(ranges) } });
const call = (name: string, what: NonNullable<Case['call']>): Case => ({ name, config: four, call: what });
const runtime = (name: string, ...containers: Config[]): Case => ({ name, config: four, containers });
const vlanTrunk = (name: string, ...entries: Config[]) => config(`vlanTrunk: ${name}`, { vlanTrunk: entries });
const routes = (name: string, ...entries: Config[]): Case => ({
  name: `routes: ${name}`,
  config: { ...four, ipam: hostLocal([V4], { routes: entries }) },
});

export const REFUSED_CALLS: readonly Case[] = [
  call('no JSON on stdin', { stdin: '{"name":' }),
  call('nothing on stdin', { stdin: '' }),
  call('a list on stdin', { stdin: '[]' }),
  call('an unknown command', { env: { CNI_COMMAND: 'UPDATE' } }),
  call('CNI_CONTAINERID is missing', { env: { CNI_CONTAINERID: '' } }),
  call('CNI_CONTAINERID is malformed', { env: { CNI_CONTAINERID: '../x' } }),
  call('CNI_NETNS is missing', { env: { CNI_NETNS: '' } }),
  call('CNI_NETNS leads nowhere', { env: { CNI_NETNS: '/run/netns/nowhere' } }),
  call('CNI_NETNS is no namespace', { env: { CNI_NETNS: '/etc/hostname' } }),
  call('CNI_IFNAME is missing', { env: { CNI_IFNAME: '' } }),
  call('CNI_IFNAME is too long', { env: { CNI_IFNAME: 'sixteen-letters-' } }),
  call('CNI_IFNAME has a slash', { env: { CNI_IFNAME: 'a/b' } }),
  call('CNI_IFNAME has white space', { env: { CNI_IFNAME: 'a b' } }),
  call('CNI_IFNAME is ..', { env: { CNI_IFNAME: '..' } }),
  call('CNI_ARGS without =', { args: 'IgnoreUnknown=1;IP' }),
  call('CNI_ARGS IP is none', { args: 'IgnoreUnknown=1;IP=10.89.0.300' }),
  call('CNI_ARGS MAC is none', { args: 'IgnoreUnknown=1;MAC=garbage' }),
  call('CNI_ARGS with an unknown key', { args: 'colour=red' }),
  call('CNI_ARGS with an unknown key, IgnoreUnknown=0', { args: 'colour=red;IgnoreUnknown=0' }),
  config('name is missing', { name: undefined }),
  config('name is ""', { name: '' }),
  config('name has a slash', { name: '../pods' }),
  config('name is a number', { name: 7 }),
  config('cniVersion of the future', { cniVersion: '9.9.9' }),
  config('cniVersion is no version', { cniVersion: 'latest' }),
  config('cniVersion is a number', { cniVersion: 1 }),
];

export const REFUSED_KEYS: readonly Case[] = [
  config('bridge is a number', { bridge: 7 }),
  config('bridge is too long', { bridge: 'sixteen-letters-' }),
  config('bridge has a slash', { bridge: 'a/b' }),
  { ...config('bridge is something else', { bridge: 'other0' }), node: 'link add other0 type veth peer name other1' },
  config('isGateway is a string', { isGateway: 'true' }),
  config('isGateway is a number', { isGateway: 1 }),
  config('mtu is too large', { mtu: 70000 }),
  config('mtu is too small for IPv4', { mtu: 60 }),
  config('mtu is a string', { mtu: '1400' }),
  config('mtu is a fraction', { mtu: 1400.5 }),
  config('hairpinMode and promiscMode', { hairpinMode: true, promiscMode: true }),
  config('disableContainerInterface and ipam', { disableContainerInterface: true }),
  config('vlan is negative', { vlan: -1 }),
  config('vlan is too large', { vlan: 4095 }),
  config('vlan is a string', { vlan: '100' }),
  config('vlanTrunk is an object', { vlanTrunk: {} }),
  vlanTrunk('id 0', { id: 0 }),
  vlanTrunk('id 4095', { id: 4095 }),
  vlanTrunk('minID alone', { minID: 1 }),
  vlanTrunk('maxID alone', { maxID: 1 }),
  vlanTrunk('minID 0', { minID: 0, maxID: 5 }),
  vlanTrunk('maxID 4095', { minID: 1, maxID: 4095 }),
  vlanTrunk('minID above maxID', { minID: 9, maxID: 5 }),
  config('ipMasqBackend is unknown', { ipMasq: true, ipMasqBackend: 'ebtables' }),
  config('dns is a list', { dns: [] }),
  config('dns.nameservers is a string', { dns: { nameservers: '10.0.0.10' } }),
  config('args.cni.mac is none', { args: { cni: { mac: 'garbage' } } }),
  runtime('the capability mac is none', { runtimeConfig: { mac: '02:00' } }),
  runtime('the capability mac is a group’s', { runtimeConfig: { mac: '01:00:5e:00:00:01' } }),
  runtime('the capability mac is zero', { runtimeConfig: { mac: '00:00:00:00:00:00' } }),
  config('ipam is a list', { ipam: [] }),
  config('ipam.type is a number', { ipam: { type: 7 } }),
  config('an IPAM plugin that is not there', { ipam: { type: 'nobody' } }),
  routes('no dst', { gw: '10.89.0.1' }),
  routes('gw is out of reach', { dst: '192.0.2.0/24', gw: '10.90.0.1' }),
  routes('gw of the other family', { dst: '192.0.2.0/24', gw: 'fd00:89::1' }),
  { name: 'the interface is there already', config: four, inside: 'link add eth0 type bridge' },
  {
    name: 'another address of the bridge, with a port',
    config: four,
    node: `link add cni0 type bridge
    address add 10.99.0.1/24 dev cni0
    link add other0 type veth peer name other1
    link set other0 master cni0`,
  },
  {
    name: 'another address of IPv4, without a port',
    config: four,
    node: 'link add cni0 type bridge\n address add 10.99.0.1/24 dev cni0',
  },
  {
    name: 'scope link, without a gateway',
    config: { ipam: { type: 'host-local', ranges: [[V4]], routes: [{ dst: '192.0.2.0/24', scope: 253 }] } },
  },
];

export const REFUSED_RANGES: readonly Case[] = [
  range('no range'),
  config('ranges is an object', { ipam: { type: 'host-local', ranges: {} } }),
  config('an empty range set', { ipam: { type: 'host-local', ranges: [[]] } }),
  range('no subnet', { rangeStart: '10.89.0.5' }),
  range('subnet is no subnet', { subnet: '10.89.0.0' }),
  range('subnet of 33 bits', { subnet: '10.89.0.0/33' }),
  range('subnet with an octet of 256', { subnet: '10.256.0.0/24' }),
  range('subnet with leading zeros', { subnet: '10.089.0.0/24' }),
  range('subnet with host bits', { subnet: '10.89.0.1/24' }),
  range('/31', { subnet: '10.89.0.0/31' }),
  range('/32', { subnet: '10.89.0.0/32' }),
  range('/127', { subnet: 'fd00:89::/127' }),
  range('rangeStart outside', { ...V4, rangeStart: '10.90.0.1' }),
  range('rangeEnd outside', { ...V4, rangeEnd: '10.90.0.1' }),
  range('rangeStart above rangeEnd', { ...V4, rangeStart: '10.89.0.9', rangeEnd: '10.89.0.5' }),
  range('rangeStart of the other family', { ...V4, rangeStart: 'fd00:89::5' }),
  range('rangeStart is garbage', { ...V4, rangeStart: 'x' }),
  range('gateway is garbage', { ...V4, gateway: 'x' }),
  range('ranges that overlap', V4, { subnet: '10.89.0.128/25' }),
  config('pools that overlap', { ipam: { type: 'host-local', ranges: [[V4, V4]] } }),
  config('pools of both families', { ipam: { type: 'host-local', ranges: [[V4, V6]] } }),
  config('two sets of a family under 0.2.0', {
    cniVersion: '0.2.0',
    ipam: hostLocal([V4, { subnet: '10.90.0.0/24' }]),
  }),
  config('resolvConf leads nowhere', { ipam: hostLocal([V4], { resolvConf: '/nowhere' }) }),
  config('dataDir is a number', { ipam: hostLocal([V4], { dataDir: 7 }) }),
  routes('dst is garbage', { dst: 'x' }),
  routes('gw is garbage', { dst: '192.0.2.0/24', gw: 'x' }),
  routes('priority is a string', { dst: '192.0.2.0/24', priority: '7' }),
  runtime('an address outside requested', { runtimeConfig: { ips: ['10.90.0.5'] } }),
  runtime('the gateway requested', { runtimeConfig: { ips: ['10.89.0.1'] } }),
  runtime('two addresses of one set requested', { runtimeConfig: { ips: ['10.89.0.5', '10.89.0.6'] } }),
  runtime('garbage requested', { runtimeConfig: { ips: ['x'] } }),
  runtime('ipRanges that overlap ranges', { runtimeConfig: { ipRanges: [[V4]] } }),
  {
    ...runtime('an address that is taken requested', { args: { cni: { ips: ['10.89.0.5'] } } }),
    files: { 'networks/pods/10.89.0.5': 'other\r\neth0' },
  },
  {
    ...range('no address left', { ...V4, rangeStart: '10.89.0.5', rangeEnd: '10.89.0.5' }),
    files: { 'networks/pods/10.89.0.5': 'other\r\neth0' },
  },
];

/** What the reference makes something of, and we do not. */
export const REFUSED_BY_US: readonly Case[] = [
  config('mtu is negative', { mtu: -1 }),
  routes('table is negative', { dst: '192.0.2.0/24', table: -1 }),
  routes('scope above a byte', { dst: '192.0.2.0/24', scope: 256 }),
];
