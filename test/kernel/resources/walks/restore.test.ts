/**
 * The port and the addressing of an attachment that exists, put back after something broke them by hand: the interfaces stay
 * the same, and what only a new attachment gets is told.
 */

import { describe, expect, test } from 'bun:test';
import { hostVethName } from '../../../../src/resources/names.ts';
import type { Plan } from '../../../../src/resources/plan.ts';
import { link } from '../../../support/kernel.ts';
import { describeOnKernel } from '../../../support/privilege.ts';
import { OWN, type Place, placeFor } from '../../support/walk.ts';
import { addressing, addressText, bridge, FAMILIES, familyText, gateway, port } from '../../support/walk-values.ts';

interface Case {
  readonly name: string;
  readonly plan: Plan;
  /** Each is done to a whole attachment. */
  readonly breaks: readonly string[];
  /** The same, where what the commands added stays. */
  readonly additions?: readonly string[];
}

const restore = (place: Place, plan: Plan) =>
  place.call(OWN, (node) => {
    for (const { kind, wanted } of plan) (kind.restore ?? kind.ensure)(node, wanted);
  });

/** By which the kernel tells whether an interface is still the same. */
const indexes = (place: Place) => [
  link(place.node, hostVethName(OWN))?.ifindex,
  link(place.containerOf(OWN), 'eth0')?.ifindex,
];

const PORT_BREAKS = [
  'ip link set VETH down',
  'ip link set VETH nomaster',
  'ip link set VETH mtu 1300',
  'in container: ip link set eth0 address 0a:00:00:00:00:55',
  'ip link set VETH nomaster ; ip link set VETH down ; ip link set VETH mtu 1300',
];

const CASES: readonly Case[] = [
  {
    name: 'a port',
    plan: [bridge(), port(OWN), addressing(OWN, [4, 6])],
    breaks: [...PORT_BREAKS, 'in container: ip link set eth0 down', 'ip link delete cni0'],
    additions: ['ip link add other type bridge ; ip link set VETH master other'],
  },
  {
    name: 'a port in hairpin mode, isolated',
    plan: [bridge(), port(OWN, { hairpin: true, isolated: true }), addressing(OWN, [4])],
    breaks: [
      'bridge link set dev VETH hairpin off',
      'bridge link set dev VETH isolated off',
      'ip link set VETH nomaster',
      'ip link delete cni0',
    ],
  },
  {
    name: 'a port whose interface stays down',
    plan: [bridge(), port(OWN, { keepDown: true })],
    breaks: ['ip link set VETH nomaster', 'ip link set VETH down'],
  },
  ...FAMILIES.map((families): Case => {
    const inside = (family: 4 | 6, command: string) => `in container: ip -${family} ${command}`;
    const own = { 4: `${addressText(4, 2)}/24`, 6: `${addressText(6, 2)}/64` } as const;
    return {
      name: `addressing, ${familyText(families)}`,
      plan: [bridge(), gateway(OWN, families), port(OWN), addressing(OWN, families)],
      breaks: [
        ...families.flatMap((family) => [
          inside(family, `address delete ${own[family]} dev eth0`),
          inside(family, 'route delete default'),
          inside(family, `route flush dev eth0 proto boot`),
        ]),
        'in container: ip address flush dev eth0 scope global',
        'in container: ip link set eth0 down',
        ...(families.includes(6) ? ['in container: sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1'] : []),
      ],
      additions: [
        'in container: ip address add 198.51.100.5/24 dev eth0 ; in container: ip link set eth0 down',
        ...families.map((family) => inside(family, `route replace default via ${addressText(family, 99)}`)),
      ],
    };
  }),
];

describeOnKernel('restored', () => {
  for (const { name, plan, breaks, additions = [] } of CASES) {
    describe(name, () => {
      test.each(breaks)('%s', (by) => {
        using place = placeFor({});
        place.ensure(OWN, plan);
        const [whole, own] = [place.look(), indexes(place)];
        place.run(OWN, by);
        expect(place.finding(OWN, plan)).toMatchObject({ kind: 'check' });
        restore(place, plan);
        expect(place.finding(OWN, plan)).toBeUndefined();
        expect(place.look()).toEqual(whole);
        expect(indexes(place)).toEqual(own);
        restore(place, plan);
        expect(place.look()).toEqual(whole);
      });
      for (const by of additions) {
        test(`${by}: what was added stays`, () => {
          using place = placeFor({});
          place.ensure(OWN, plan);
          const own = indexes(place);
          place.run(OWN, by);
          expect(place.finding(OWN, plan)).toMatchObject({ kind: 'check' });
          restore(place, plan);
          expect(place.finding(OWN, plan)).toBeUndefined();
          expect(indexes(place)).toEqual(own);
        });
      }
    });
  }
});

describeOnKernel('not restored', () => {
  const plan = [bridge(), port(OWN), addressing(OWN, [4, 6])];
  const cases = [
    ['ip link delete VETH', 'the host veth VETH is missing'],
    [
      'in container: ip link set eth0 down ; in container: ip link set eth0 name eth9',
      'the interface eth0 is missing in the container',
    ],
    ['ip link set VETH alias trestle:pods/other/eth0', 'VETH belongs to pods/other/eth0'],
  ] as const;

  test.each(cases)('%s: it says so, and that the container must be restarted', (by, finding) => {
    using place = placeFor({});
    place.ensure(OWN, plan);
    place.run(OWN, by);
    const broken = place.look();
    const message = finding.replaceAll('VETH', hostVethName(OWN));
    expect(() => restore(place, plan)).toThrow(
      expect.objectContaining({ message, details: expect.stringContaining('Restarting the container') }),
    );
    expect(place.look()).toEqual(broken);
  });

  test('an interface that its administrator set up stays up', () => {
    using place = placeFor({});
    const down = [bridge(), port(OWN, { keepDown: true })];
    place.ensure(OWN, down);
    place.run(OWN, 'in container: ip link set eth0 up');
    restore(place, down);
    expect(place.finding(OWN, down)?.message).toContain('eth0 in the container is up, expected down');
  });
});
