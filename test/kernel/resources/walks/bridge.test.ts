/** The bridge and its gateway addresses, from made to removed. */

import { describeOnKernel } from '../../../support/privilege.ts';
import { type Row, walk } from '../../support/walk.ts';
import { addressText, bridge, FAMILIES, type Families, familyText, gateway } from '../../support/walk-values.ts';

const BRIDGE: readonly Row[] = [
  {
    name: 'a bridge',
    kind: 'bridge',
    plan: () => [bridge()],
    breaks: [
      { by: 'ip link delete cni0', finding: 'the bridge cni0 is missing' },
      { by: 'ip link set cni0 down', finding: 'the bridge cni0 is down, expected up' },
      {
        by: 'sysctl -qw net.ipv6.conf.cni0.accept_ra=1',
        finding: 'the bridge cni0 accepts router advertisements: net.ipv6.conf.cni0.accept_ra is 1, expected 0',
      },
      {
        by: 'sysctl -qw net.ipv6.conf.cni0.accept_ra=2',
        finding: 'net.ipv6.conf.cni0.accept_ra is 2, expected 0',
      },
    ],
    tolerated: ['ip link set cni0 mtu 1300', 'ip address add 192.0.2.1/24 dev cni0', 'ip link set cni0 promisc on'],
  },
  {
    name: 'a promiscuous bridge',
    kind: 'bridge',
    plan: () => [bridge({ promiscuous: true })],
    breaks: [
      { by: 'ip link set cni0 promisc off', finding: 'promiscuous mode of the bridge cni0 is off, expected on' },
    ],
  },
  {
    name: 'a bridge that does not learn from link-local frames',
    kind: 'bridge',
    plan: () => [bridge({ guarded: true })],
    breaks: [
      {
        by: 'ip link set cni0 type bridge no_linklocal_learn 0',
        finding: 'the bridge cni0 learns MACs from link-local frames, which the MAC guard does not see',
      },
    ],
  },
  {
    name: 'a bridge of somebody else',
    kind: 'bridge',
    given: ['ip link add cni0 type bridge', 'ip link set cni0 address 0a:00:00:00:00:99'],
    plan: () => [bridge({ isGateway: false })],
    breaks: [{ by: 'ip link set cni0 down', finding: 'the bridge cni0 is down, expected up' }],
    tolerated: ['sysctl -qw net.ipv6.conf.cni0.accept_ra=1'],
  },
];

const missing = (families: Families) => families.map((family) => `${addressText(family, 1)}/${family === 4 ? 24 : 64}`);

/** The same address in a subnet that is too small for the containers. */
const narrower = (address: string) => address.replace('/24', '/28').replace('/64', '/80');

function gatewayRow(families: Families): Row {
  const [first = ''] = missing(families);
  return {
    name: `gateway addresses, ${familyText(families)}`,
    kind: 'gateway',
    plan: (who) => [bridge(), gateway(who, families)],
    breaks: [
      ...missing(families).flatMap((address) => [
        {
          by: `ip address delete ${address} dev cni0`,
          finding: `the address ${address} of the bridge cni0 is missing; it has none`,
        },
        {
          by: `ip address delete ${address} dev cni0 ; ip address add ${narrower(address)} dev cni0 nodad`,
          finding: `the address ${address} of the bridge cni0 is missing; it has ${narrower(address)}`,
          mayStay: true as const,
        },
      ]),
      { by: 'ip address flush dev cni0 scope global', finding: `the address ${first} of the bridge cni0 is missing` },
      { by: 'ip link delete cni0', finding: 'the bridge cni0 is missing' },
      ...(families.includes(6)
        ? [{ by: 'sysctl -qw net.ipv6.conf.cni0.disable_ipv6=1', finding: 'the address fd00:1::1/64 of the bridge' }]
        : []),
    ],
    tolerated: ['ip address add 192.0.2.1/24 dev cni0 ; ip address add 2001:db8:9::1/64 dev cni0'],
  };
}

describeOnKernel('the walk of', () => {
  for (const row of [...BRIDGE, ...FAMILIES.map(gatewayRow)]) walk(row);
});
