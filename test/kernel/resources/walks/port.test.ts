/** The port of an attachment, and what its interface has in the container, from made to removed. */

import { describeOnKernel } from '../../../support/privilege.ts';
import { type Break, type Row, survey, type Who, walk } from '../../support/walk.ts';
import {
  addressing,
  addressText,
  bridge,
  FAMILIES,
  type Families,
  familyText,
  gateway,
  port,
} from '../../support/walk-values.ts';

const ELSEWHERE = 'ip link add other type bridge ; ip link set VETH master other';
const EITHER_END: readonly Break[] = [
  { by: 'ip link delete VETH', finding: 'the host veth VETH is missing' },
  { by: 'in container: ip link delete eth0', finding: 'the host veth VETH is missing' },
  { by: 'ip link set VETH down', finding: 'the host veth VETH is down, expected up' },
  { by: 'ip link set VETH nomaster', finding: 'the host veth VETH is not a port of cni0: it is on no bridge' },
  { by: ELSEWHERE, finding: 'the host veth VETH is not a port of cni0: it is a port of other', mayStay: true },
  { by: 'ip link set VETH mtu 1300', finding: 'the MTU of VETH is 1300, expected 1400' },
  { by: 'ip link delete cni0', finding: 'the bridge cni0 is missing' },
  {
    by: 'in container: ip link set eth0 address 0a:00:00:00:00:55',
    finding: 'the MAC of eth0 in the container is 0a:00:00:00:00:55, expected ',
  },
];
const UP: readonly Break[] = [
  { by: 'in container: ip link set eth0 down', finding: 'eth0 in the container is down, expected up' },
  {
    by: 'in container: ip link set eth0 down ; in container: ip link set eth0 name eth9',
    finding: 'the interface eth0 is missing in the container',
  },
];
/** What the plugin `tuning` may do behind us, and an administrator. */
const TOLERATED = [
  'in container: ip link set eth0 mtu 1300',
  'in container: ip link set eth0 promisc on',
  'in container: ip link set eth0 txqueuelen 5',
  'ip link set VETH promisc on',
  'ip link set cni0 down',
];

const PORTS: readonly Row[] = [
  {
    name: 'a port',
    kind: 'port',
    plan: (who) => [bridge(), port(who), addressing(who, [4])],
    breaks: [...EITHER_END, ...UP],
    tolerated: TOLERATED,
  },
  {
    name: 'a port whose interface stays down',
    kind: 'port',
    plan: (who) => [bridge(), port(who, { keepDown: true })],
    breaks: [
      { by: 'in container: ip link set eth0 up', finding: 'eth0 in the container is up, expected down' },
      { by: 'ip link set VETH nomaster', finding: 'the host veth VETH is not a port of cni0' },
    ],
  },
  {
    name: 'a port in hairpin mode',
    kind: 'port',
    plan: (who) => [bridge(), port(who, { hairpin: true }), addressing(who, [6])],
    breaks: [{ by: 'bridge link set dev VETH hairpin off', finding: 'hairpin mode of VETH is off, expected on' }],
  },
  {
    name: 'an isolated port',
    kind: 'port',
    plan: (who) => [bridge(), port(who, { isolated: true }), addressing(who, [4, 6])],
    breaks: [{ by: 'bridge link set dev VETH isolated off', finding: 'port isolation of VETH is off, expected on' }],
  },
  {
    name: 'a port of any MAC and MTU',
    kind: 'port',
    plan: (who) => [bridge(), port(who, { mac: undefined, mtu: undefined }), addressing(who, [4])],
    breaks: [{ by: 'ip link set VETH down', finding: 'the host veth VETH is down, expected up' }],
    tolerated: ['in container: ip link set eth0 address 0a:00:00:00:00:55', 'ip link set VETH mtu 1300'],
  },
];

const ADDRESS = { 4: `${addressText(4, 2)}/24`, 6: `${addressText(6, 2)}/64` } as const;
const OTHER = { 4: '192.0.2.0/24', 6: '2001:db8:2::/64' } as const;
const DEFAULT = { 4: '0.0.0.0/0', 6: '::/0' } as const;

function addressed(families: Families): Row {
  const plan = (who: Who) => [bridge(), gateway(who, families), port(who), addressing(who, families)];
  const inside = (family: 4 | 6, command: string) => `in container: ip -${family} ${command}`;
  return {
    name: `addressing, ${familyText(families)}`,
    kind: 'addressing',
    plan,
    breaks: [
      ...families.flatMap((family) => [
        {
          by: inside(family, `address delete ${ADDRESS[family]} dev eth0`),
          finding: `the address ${ADDRESS[family]} of eth0 in the container is missing; it has `,
        },
        {
          by: inside(family, 'route delete default'),
          finding: `the route ${DEFAULT[family]} via ${addressText(family, 1)} is missing in the container`,
        },
        {
          by: inside(family, `route replace default via ${addressText(family, 99)}`),
          finding: `the route ${DEFAULT[family]} via ${addressText(family, 1)} is missing in the container`,
        },
        {
          by: inside(family, `route delete ${OTHER[family]}`),
          finding: `the route ${OTHER[family]} is missing in the container`,
        },
      ]),
      { by: 'in container: ip link delete eth0', finding: 'the interface eth0 is missing in the container' },
      ...(families.includes(4)
        ? [{ by: 'in container: ip link set eth0 down', finding: 'the route 0.0.0.0/0 via 10.1.0.1 is missing' }]
        : []),
      ...(families.includes(6)
        ? [
            {
              by: 'in container: sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1',
              finding: `the address ${ADDRESS[6]} of eth0 in the container is missing`,
            },
          ]
        : []),
    ],
    tolerated: [
      'in container: ip address add 198.51.100.5/24 dev eth0 ; in container: ip address add 2001:db8:9::5/64 dev eth0',
      ...families.map((family) =>
        inside(family, `route add ${family === 4 ? '203.0.113.0/24' : '2001:db8:3::/64'} dev eth0`),
      ),
      ...families.map((family) => inside(family, `route add ${OTHER[family]} via ${addressText(family, 1)} table 100`)),
    ],
  };
}

describeOnKernel('the walk of', () => {
  for (const row of [...PORTS, ...FAMILIES.map(addressed)]) walk(row);
});

describeOnKernel('the survey of', () => {
  for (const row of PORTS.slice(0, 2)) survey(row);
});
