/** What the main plugin's keys say of the container's interface and its port, and the rest. */

import { VERSIONS } from '../../../../../src/cni/versions.ts';
import type { Config } from '../../../../e2e/support/network.ts';
import type { Case } from '../case.ts';
import { hostLocal, V4, V6 } from './ranges.ts';

const four = { isDefaultGateway: true, ipam: hostLocal([V4]) };
const dual = { isDefaultGateway: true, ipam: hostLocal([V4, V6]) };
const mac = '02:11:22:33:44:55';
const two = [{}, {}];

export const PORTS: readonly Case[] = [
  { name: 'hairpinMode', config: { ...four, hairpinMode: true } },
  { name: 'portIsolation', config: { ...four, portIsolation: true }, containers: two, probes: ['neighbour'] },
  { name: 'neither', config: dual, containers: two, probes: ['neighbour', 'spoof'] },
  { name: 'macspoofchk', config: { ...four, macspoofchk: true }, probes: ['spoof'] },
  { name: 'macspoofchk, layer 2', config: { macspoofchk: true } },
  { name: 'enabledad', config: { ...dual, enabledad: true } },
  { name: 'another name of the interface', config: dual, call: { ifName: 'net1' } },
  { name: 'the capability mac', config: four, containers: [{ runtimeConfig: { mac } }] },
  {
    name: 'the capability mac, with hyphens',
    config: four,
    containers: [{ runtimeConfig: { mac: '02-AA-BB-CC-DD-EE' } }],
  },
  { name: 'the capability mac, with dots', config: four, containers: [{ runtimeConfig: { mac: '02aa.bbcc.ddee' } }] },
  { name: 'the capability mac, empty', config: four, containers: [{ runtimeConfig: { mac: '' } }] },
  { name: 'CNI_ARGS MAC', config: four, call: { args: `IgnoreUnknown=1;MAC=${mac}` } },
  {
    name: 'all three of them',
    config: four,
    call: { args: 'IgnoreUnknown=1;MAC=02:00:00:00:00:01' },
    containers: [{ args: { cni: { mac: '02:00:00:00:00:02' } }, runtimeConfig: { mac } }],
  },
  {
    name: 'args.cni.mac before CNI_ARGS',
    config: four,
    call: { args: 'IgnoreUnknown=1;MAC=02:00:00:00:00:01' },
    containers: [{ args: { cni: { mac } } }],
  },
];

const masqueraded = { ...dual, ipMasq: true };

export const OTHERS: readonly Case[] = [
  { name: 'ipMasq', config: masqueraded, outside: {}, probes: ['masquerading'] },
  {
    name: 'ipMasq without a gateway of ours',
    config: { ...four, isDefaultGateway: false, isGateway: true, ipMasq: true },
    outside: {},
  },
  {
    name: 'ipMasqBackend nftables',
    config: { ...masqueraded, ipMasqBackend: 'nftables' },
    outside: {},
    probes: ['masquerading'],
  },
  {
    name: 'ipMasqBackend iptables',
    config: { ...masqueraded, ipMasqBackend: 'iptables' },
    outside: {},
    probes: ['masquerading'],
  },
  { name: 'no ipMasq', config: dual, outside: {}, probes: ['masquerading'] },
  {
    name: 'dns',
    config: {
      ...four,
      dns: { nameservers: ['10.0.0.10'], domain: 'example', search: ['a.example', 'b.example'], options: ['ndots:5'] },
    },
  },
  { name: 'dns {}', config: { ...four, dns: {} } },
  ...resolving('resolvConf', {}),
  ...resolving('resolvConf and dns', { dns: { nameservers: ['10.0.0.10'] } }),
  ...resolving('resolvConf and dns with empty lists', { dns: { nameservers: [], search: [] } }),
  ...resolving('resolvConf and dns with domain ""', { dns: { domain: '' } }),
  ...resolving('resolvConf and dns {}', { dns: {} }),
  {
    name: 'capabilities of other plugins',
    config: four,
    containers: [
      {
        runtimeConfig: {
          portMappings: [{ hostPort: 80, containerPort: 80, protocol: 'tcp' }],
          bandwidth: { ingressRate: 1000 },
          dns: { nameservers: ['1.1.1.1'] },
          aliases: { pods: ['web'] },
          cgroupPath: '/x',
        },
      },
    ],
  },
  {
    name: 'labels in args',
    config: four,
    containers: [{ args: { labels: [{ key: 'a', value: 'b' }], cni: { colour: 'red' } } }],
  },
  {
    name: 'CNI_ARGS of Kubernetes',
    config: four,
    call: {
      args: 'K8S_POD_INFRA_CONTAINER_ID=abc;K8S_POD_UID=1-2;IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0',
    },
  },
  { name: 'CNI_ARGS IgnoreUnknown=TRUE', config: four, call: { args: 'colour=red;IgnoreUnknown=TRUE' } },
  { name: 'CNI_ARGS with an unknown key', config: four, call: { args: 'colour=red;IgnoreUnknown=true' } },
  {
    name: 'behind another plugin',
    // Without interfaces: the places of ours must be the same on both sides (test/e2e/previous-result.test.ts has some).
    config: { ...four, prevResult: { cniVersion: '1.1.0', dns: { domain: 'other' } } },
  },
  { name: 'a name with everything that is allowed in one', config: { ...four, name: '0a_B.c-d' } },
  { name: 'a type in the configuration that is another', config: { ...four, type: 'other' } },
];

function resolving(name: string, extra: Config): Case[] {
  const resolvConf = '<directory>/resolv.conf';
  const lines = [
    '# of a test',
    'nameserver 192.0.2.53',
    ' nameserver 2001:db8::53 ',
    'domain example',
    'search a.example',
    'search b.example c.example',
    'options ndots:5 rotate',
    ';',
    'nameserver',
    'sortlist 10.0.0.0',
  ];
  return [
    {
      name,
      config: { isDefaultGateway: true, ipam: hostLocal([V4], { resolvConf }), ...extra },
      files: { 'resolv.conf': `${lines.join('\n')}\n` },
    },
  ];
}

/** Each version, and none. */
export const VERSIONED: readonly Case[] = [undefined, ...VERSIONS].map((cniVersion) => ({
  name: `cniVersion ${cniVersion ?? 'absent'}`,
  config: {
    cniVersion,
    isDefaultGateway: true,
    dns: { nameservers: ['10.0.0.10'] },
    ipam: hostLocal([V4, V6], { routes: [{ dst: '192.0.2.0/24' }, { dst: '2001:db8:1::/48', gw: 'fd00:89::9' }] }),
  },
}));
