/** The gateway of a VLAN and what stands on it, from made to removed. */

import { formatMac } from '../../../../src/address/mac.ts';
import { gatewayKind } from '../../../../src/resources/gateway/gateway.ts';
import { bridgeMac, hostVethName, vlanPortName } from '../../../../src/resources/names.ts';
import { resource } from '../../../../src/resources/plan.ts';
import { untagged } from '../../../../src/resources/vlan/vlan.ts';
import { vlanGatewayKind } from '../../../../src/resources/vlan/vlan-gateway.ts';
import { describeNeeding } from '../../../support/feature.ts';
import { type Break, type Row, type Who, walk } from '../../support/walk.ts';
import { addressOf, addressText, bridge, type Families, familyText, port } from '../../support/walk-values.ts';

const PORT = vlanPortName('cni0.100');
const MAC = formatMac(bridgeMac('cni0.100'));
const filtered = (value: 0 | 1) =>
  ['ip', 'ip6'].map((family) => `sysctl -qw net.bridge.bridge-nf-call-${family}tables=${value}`);
const TRACKED = 'frames of cni0.100 are tracked on the bridge: ';

const filtering = () => bridge({ vlanFiltering: true });

function vlanGateway(keepDefault = false) {
  return resource(vlanGatewayKind, { bridge: 'cni0', vlan: 100, keepDefault, mtu: 1400 });
}

const PAIR: readonly Break[] = [
  { by: 'ip link set cni0.100 down', finding: 'the VLAN gateway cni0.100 is down, expected up' },
  {
    by: `ip link set ${PORT} down`,
    finding: `the bridge port ${PORT} of the VLAN gateway cni0.100 is down, expected up`,
  },
  {
    by: `bridge vlan delete dev ${PORT} vid 100`,
    finding: `the VLANs of ${PORT} are none, expected 100 (PVID, untagged)`,
  },
  { by: `bridge vlan add dev ${PORT} vid 100`, finding: `the VLANs of ${PORT} are 100, expected 100 (PVID, untagged)` },
  { by: 'ip link set cni0.100 mtu 1300', finding: 'the MTU of cni0.100 is 1300, expected at least 1400' },
  { by: `ip link set ${PORT} mtu 1300`, finding: `the MTU of ${PORT} is 1300, expected at least 1400` },
  { by: `bridge vlan add dev ${PORT} vid 1 untagged`, finding: `the VLANs of ${PORT} are 1 (untagged), 100 (PVID` },
];

/** Either end gone, or the bridge from between. */
const LOST: readonly Break[] = [
  { by: 'ip link delete cni0', finding: 'the bridge cni0 is missing' },
  { by: 'ip link delete cni0.100', finding: 'the VLAN gateway cni0.100 is missing' },
  { by: `ip link delete ${PORT}`, finding: 'the VLAN gateway cni0.100 is missing' },
  { by: `ip link set ${PORT} nomaster`, finding: 'the VLAN gateway cni0.100 does not lead to a port of cni0' },
];

const ROWS: readonly Row[] = [
  {
    name: 'a bridge that filters by VLAN',
    kind: 'bridge',
    plan: () => [filtering()],
    breaks: [
      {
        by: 'ip link set cni0 type bridge vlan_filtering 0',
        finding: 'VLAN filtering of the bridge cni0 is off, expected on',
      },
    ],
  },
  {
    name: 'a VLAN’s gateway',
    kind: 'vlan-gateway',
    given: filtered(0),
    plan: () => [filtering(), vlanGateway()],
    breaks: [...LOST, ...PAIR],
    tolerated: ['nft flush ruleset', 'ip address add 192.0.2.1/24 dev cni0.100', 'ip link set cni0.100 mtu 1500'],
  },
  {
    name: 'a VLAN’s gateway that keeps the default VLAN',
    kind: 'vlan-gateway',
    plan: () => [filtering(), vlanGateway(true)],
    breaks: PAIR.slice(0, 1),
    tolerated: [`bridge vlan delete dev ${PORT} vid 1`],
  },
  {
    name: 'a VLAN’s gateway whose frames pass iptables',
    kind: 'vlan-gateway',
    given: filtered(1),
    plan: () => [filtering(), vlanGateway()],
    breaks: [
      { by: 'nft flush ruleset', finding: `${TRACKED}expected in the nftables set gateways` },
      {
        by: `nft delete element bridge trestle gateways { ${MAC} }`,
        finding: `${TRACKED}expected in the nftables set gateways`,
      },
      { by: 'nft flush chain bridge trestle untracked', finding: `${TRACKED}the nftables chain untracked has no rule` },
      {
        by: 'nft flush chain bridge trestle prerouting',
        finding: `${TRACKED}no rule of the nftables chain prerouting leads to the chain untracked`,
      },
    ],
  },
  {
    name: 'a port in a VLAN',
    kind: 'port',
    plan: (who) => [filtering(), port(who, { keepDown: true, vlans: { vlans: [untagged(100)], keepDefault: false } })],
    breaks: [
      { by: 'bridge vlan delete dev VETH vid 100', finding: 'the VLANs of VETH are none, expected 100' },
      { by: 'bridge vlan add dev VETH vid 200', finding: 'the VLANs of VETH are 100 (PVID, untagged), 200, expected' },
    ],
  },
];

function addressed(families: Families): Row {
  const addresses = families.map((family) => addressOf(family, 1));
  const plan = (who: Who) => [
    filtering(),
    vlanGateway(),
    resource(gatewayKind, { bridge: 'cni0', vlan: 100, addresses, force: false, port: hostVethName(who) }),
  ];
  const texts = families.map((family) => `${addressText(family, 1)}/${family === 4 ? 24 : 64}`);
  return {
    name: `gateway addresses of a VLAN, ${familyText(families)}`,
    kind: 'gateway',
    plan,
    breaks: texts.map((text) => ({
      by: `ip address delete ${text} dev cni0.100`,
      finding: `the address ${text} of the VLAN gateway cni0.100 is missing; it has `,
    })),
  };
}

describeNeeding('vlan-filtering', 'the walk of', () => {
  for (const row of [...ROWS, addressed([4, 6])]) walk(row);
});
