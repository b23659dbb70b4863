/** What the main plugin's keys say of the bridge and its addresses. */

import type { Case } from '../case.ts';
import { hostLocal, V4, V6 } from './ranges.ts';

const four = { isDefaultGateway: true, ipam: hostLocal([V4]) };
const dual = { isDefaultGateway: true, ipam: hostLocal([V4, V6]) };
const mac = '02:11:22:33:44:55';
const two = [{}, {}];

export const GATEWAYS: readonly Case[] = [
  { name: 'isDefaultGateway, IPv4', config: four, containers: two },
  { name: 'isDefaultGateway, IPv6', config: { ...four, ipam: hostLocal([V6]) } },
  { name: 'isDefaultGateway, dual stack', config: dual },
  { name: 'isGateway, dual stack', config: { isGateway: true, ipam: hostLocal([V4, V6]) } },
  { name: 'no gateway, dual stack', config: { ipam: hostLocal([V4, V6]) } },
  { name: 'two sets of IPv4', config: { ...four, ipam: hostLocal([V4, { subnet: '10.90.0.0/24' }]) } },
  {
    name: 'two sets of IPv4, forceAddress',
    config: { ...four, forceAddress: true, ipam: hostLocal([V4, { subnet: '10.90.0.0/24' }]) },
  },
  { name: 'two sets of IPv4 without a gateway', config: { ipam: hostLocal([V4, { subnet: '10.90.0.0/24' }]) } },
  { name: 'two sets of IPv6', config: { ...four, ipam: hostLocal([V6, { subnet: 'fd00:90::/64' }]) } },
  {
    name: 'IPv6 turned off in the container',
    config: dual,
    sysctls: { 'net/ipv6/conf/all/disable_ipv6': '1', 'net/ipv6/conf/default/disable_ipv6': '1' },
  },
  { name: 'no gateway, one in the range', config: { ipam: hostLocal([{ ...V4, gateway: '10.89.0.9' }]) } },
  { name: 'keys in other cases', config: { isdefaultgateway: true, MTU: 1400, Bridge: 'br7', ipam: hostLocal([V4]) } },
  {
    name: 'null for what is not said',
    config: {
      ...four,
      mtu: null,
      bridge: null,
      vlan: null,
      hairpinMode: null,
      dns: null,
      runtimeConfig: null,
      args: null,
      vlanTrunk: null,
      ipMasqBackend: null,
      prevResult: null,
    },
  },
  {
    name: 'keys that are none of the plugin’s',
    config: { ...four, colour: 'red', capabilities: { portMappings: true }, disableCheck: true },
  },
  { name: 'forceAddress, nothing to force', config: { ...dual, forceAddress: true } },
  {
    name: 'forceAddress, another address of IPv4',
    config: { ...dual, forceAddress: true },
    node: 'link add cni0 type bridge\n address add 10.99.0.1/24 dev cni0',
  },
  {
    name: 'forceAddress, an overlapping address of IPv6',
    config: { ...dual, forceAddress: true },
    node: 'link add cni0 type bridge\n address add fd00:89::7/48 dev cni0 nodad',
  },
  {
    name: 'forceAddress, another address of IPv6',
    config: { ...dual, forceAddress: true },
    node: 'link add cni0 type bridge\n address add fd00:99::1/64 dev cni0 nodad',
  },
  { name: 'forceAddress, with a port', config: { ...dual, forceAddress: true }, node: bridgeWithPort('10.99.0.1/24') },
  {
    name: 'another address of IPv6, not overlapping',
    config: dual,
    node: 'link add cni0 type bridge\n address add fd00:99::1/64 dev cni0 nodad',
  },
  {
    name: 'the address with another length, without a port',
    config: four,
    node: 'link add cni0 type bridge\n address add 10.89.0.1/16 dev cni0',
  },
  {
    name: 'a gateway outside of the subnet, without isGateway',
    config: { ipam: hostLocal([{ ...V4, gateway: '10.90.0.1' }]) },
  },
];

/** A bridge with an address and a port that is up, whose MAC it has, since that is the lowest. */
export function bridgeWithPort(address: string): string {
  return `link add cni0 type bridge
    address add ${address} dev cni0
    link add other0 address 00:00:5e:00:53:01 type veth peer name other1
    link set other0 master cni0
    link set cni0 up
    link set other0 up
    link set other1 up`;
}

export const BRIDGES: readonly Case[] = [
  { name: 'another name', config: { ...four, bridge: 'br-fifteen-char' } },
  { name: 'a name with a dot', config: { ...dual, bridge: 'br.7' } },
  { name: 'there already, down', config: dual, node: 'link add cni0 type bridge' },
  {
    name: 'there already, with its address and a MAC',
    config: dual,
    node: 'link add cni0 address 02:00:00:00:00:07 type bridge\n address add 10.89.0.1/24 dev cni0\n link set cni0 up',
  },
  { name: 'there already, with a port', config: four, node: bridgeWithPort('10.89.0.1/24') },
  {
    name: 'there already, with another MTU',
    config: { ...four, mtu: 1400 },
    node: 'link add cni0 mtu 1300 type bridge',
  },
  { name: 'there already, without a gateway', config: { ipam: hostLocal([V4]) }, node: 'link add cni0 type bridge' },
  { name: 'there already, promiscuous', config: four, node: 'link add cni0 type bridge\n link set cni0 promisc on' },
  { name: 'mtu', config: { ...dual, mtu: 1400 } },
  { name: 'mtu, with an uplink of less', config: { ...four, mtu: 1450 }, outside: { uplinkMtu: 1400 } },
  { name: 'no mtu, with an uplink of less', config: four, outside: { uplinkMtu: 1400 } },
  { name: 'promiscMode', config: { ...four, promiscMode: true } },
  { name: 'layer 2: ipam absent', config: {}, containers: two },
  { name: 'layer 2: ipam {}', config: { ipam: {} } },
  { name: 'layer 2: ipam null', config: { ipam: null } },
  { name: 'layer 2: ipam without type', config: { ipam: { ranges: [[V4]] } } },
  { name: 'layer 2: ipam with type ""', config: { ipam: { ...V4, type: '' } } },
  { name: 'layer 2 with isDefaultGateway', config: { isDefaultGateway: true } },
  { name: 'layer 2 with ipMasq', config: { ipMasq: true } },
  {
    name: 'layer 2 with mac, mtu and dns',
    config: { mtu: 1400, dns: { domain: 'example' } },
    containers: [{ runtimeConfig: { mac } }],
  },
  { name: 'disableContainerInterface', config: { disableContainerInterface: true } },
  {
    name: 'disableContainerInterface with keys of the port',
    config: { disableContainerInterface: true, hairpinMode: true, portIsolation: true, mtu: 1400 },
  },
];
