/** The differences that we mean where there are VLANs, beside those that are there without. */

import { type Meant, node, PORT } from './meant.ts';

export const MEANT_OF_VLANS: readonly Meant[] = [
  {
    because: 'the VLAN’s gateway is there before the container’s port',
    cases: /with a gateway$/,
    lines: [node(`link \\| ${PORT} \\| linkinfo \\| info_slave_data \\| (id|no): "0x\\w+" -> "0x\\w+"`)],
  },
  {
    because: 'no router advertisement configures the gateway',
    cases: /with a gateway$/,
    lines: [node('sysctl \\| ipv6/conf/cni0\\.100/accept_ra: "1" -> "0"')],
  },
  {
    because: 'the alias of a VLAN’s gateway says that Trestle made it',
    cases: /with a gateway$/,
    lines: [
      node('link \\| cni0\\.100 \\| ifalias: nothing -> "trestle:gateway"'),
      node('link \\| <port of cni0\\.100> \\| ifalias: nothing -> "trestle:gateway"'),
    ],
  },
  {
    because: 'a bridge of another program has an alternative name for each option that the last DEL turns off',
    cases: /^vlan on a bridge that filters none$/,
    lines: [/^after ADD \| node \| link \| cni0 \| altnames: nothing -> something$/],
  },
  {
    because: 'CHECK works without IPAM',
    lines: [/^CHECK \| 0: 1 -> 0$/],
  },
  {
    because:
      'the reference’s bridge takes the MAC of the gateway’s port where that is the lower one, and CHECK fails then',
    lines: [/^CHECK by theirs \| 0: 1 -> 0$/],
    byChance: true,
  },
  {
    because: 'an attachment without addresses has a record, and a lock beside it',
    lines: [/^after (ADD|DEL) \| lease: \{\} -> something$/],
  },
  {
    because: 'a bridge that is there is told to filter VLANs, without which they would all be one',
    cases: /^vlan on a bridge that filters none$/,
    lines: [node('link \\| cni0 \\| linkinfo \\| info_data \\| vlan_filtering: 0 -> 1')],
  },
  {
    because: 'what somebody else made is no gateway of ours: accept_ra stays, and its MAC was another at its creation',
    cases: /^vlan on a bridge that filters none$/,
    lines: [
      node('sysctl \\| ipv6/conf/cni0/accept_ra: "0" -> "1"'),
      node('address \\| cni0 \\| family:inet6 local:fe80::\\S+ prefixlen:64 scope:link: nothing -> true'),
    ],
  },
  {
    because: 'untagged frames stay in the VLAN that `vlan` says, though the trunk names it too',
    cases: /^vlanTrunk that holds vlan$/,
    lines: [
      node('vlan \\| <veth 0> \\| vlan:99 vlanEnd:110: true -> nothing'),
      node('vlan \\| <veth 0> \\| vlan:100 flags:\\{"PVID":true,"Egress Untagged":true\\}: nothing -> true'),
      node('vlan \\| <veth 0> \\| vlan:(99|101 vlanEnd:110): nothing -> true'),
    ],
  },
];
