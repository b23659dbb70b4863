/** VLANs of the port, of the gateway, and none. */

import type { Case } from '../case.ts';
import { hostLocal, V4, V6 } from './ranges.ts';

const dual = { isDefaultGateway: true, ipam: hostLocal([V4, V6]) };
const two = [{}, {}];

export const VLANS: readonly Case[] = [
  { name: 'vlan, layer 2', config: { vlan: 100 } },
  { name: 'vlan with a gateway', config: { ...dual, vlan: 100 }, containers: two, probes: ['neighbour', 'spoof'] },
  { name: 'vlan, preserveDefaultVlan', config: { vlan: 100, preserveDefaultVlan: true } },
  { name: 'vlan on a bridge that filters none', config: { vlan: 100 }, node: 'link add cni0 type bridge' },
  { name: 'vlanTrunk []', config: { vlanTrunk: [] } },
  {
    name: 'vlanTrunk, ranges',
    config: {
      vlanTrunk: [
        { minID: 101, maxID: 110 },
        { minID: 105, maxID: 120, id: 4094 },
      ],
    },
  },
  { name: 'vlanTrunk, preserveDefaultVlan', config: { vlanTrunk: [{ id: 101 }], preserveDefaultVlan: true } },
  { name: 'vlanTrunk that holds vlan', config: { vlan: 100, vlanTrunk: [{ minID: 99, maxID: 110 }] } },
  { name: 'vlanTrunk and vlan, with a gateway', config: { ...dual, vlan: 100, vlanTrunk: [{ id: 101 }] } },
];
