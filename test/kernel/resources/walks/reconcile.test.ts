/**
 * A live attachment's plan, ensured once more from its record: all that attachments share comes back, and what only a new
 * attachment gets (ONCE in test/kernel/support/walk.ts) stays as it is.
 */

import { describe, expect, test } from 'bun:test';
import type { Json } from '../../../../src/ipam/index.ts';
import { silentLog } from '../../../../src/log.ts';
import { KINDS } from '../../../../src/resources/attachment.ts';
import type { Backend } from '../../../../src/resources/masquerade/masquerade.ts';
import { hostVethName } from '../../../../src/resources/names.ts';
import { decodePlan, encodePlan, ensurePlan, type Plan } from '../../../../src/resources/plan.ts';
import type { Flavour } from '../../../support/iptables.ts';
import { link } from '../../../support/kernel.ts';
import { describeOnKernel } from '../../../support/privilege.ts';
import { isOnce, OTHERS, OWN, type Place, placeFor, type Who } from '../../support/walk.ts';
import {
  accept,
  addressing,
  bridge,
  FAMILIES,
  type Families,
  familyText,
  forwarding,
  gateway,
  guard,
  masquerade,
  port,
} from '../../support/walk-values.ts';

const NEXT = OTHERS[0] as Who;
const PROGRAM = { 4: 'iptables', 6: 'ip6tables' } as const;

/** All that an ADD makes of a configuration that asks for most, as its record has it. */
function recorded(who: Who, families: Families, backend: Backend): Plan {
  const plan = [
    ...[
      bridge({ guarded: true }),
      gateway(who, families),
      accept(families),
      guard(who),
      port(who),
      addressing(who, families),
    ],
    ...[masquerade(who, families, backend), forwarding(families)],
  ];
  return decodePlan(JSON.parse(JSON.stringify(encodePlan(plan))) as Json[], KINDS, silentLog);
}

interface Case {
  /** Commands, and the kinds whose `verify` finds something then. */
  readonly by: string;
  readonly kinds: string;
}

function casesOf(families: Families, flavour: Flavour, backend: Backend): Case[] {
  const programs = families.map((family) => `${PROGRAM[family]}-${flavour}`);
  const each = (command: string) => programs.map((program) => `${program} ${command}`).join(' ; ');
  const byIptables = backend === 'iptables';
  // What iptables-nft has goes with the ruleset, the policy of FORWARD too.
  const isInNft = flavour === 'nft';
  const flushed = [
    ...(isInNft ? ['forward-accept'] : []),
    'guard',
    ...(byIptables && !isInNft ? [] : ['masquerade']),
  ].join(' ');
  return [
    { by: isInNft ? `nft flush ruleset ; ${each('-P FORWARD DROP')}` : 'nft flush ruleset', kinds: flushed },
    { by: 'nft delete table bridge trestle', kinds: 'guard' },
    { by: `nft delete element bridge trestle ports { "${hostVethName(OWN)}" }`, kinds: 'guard' },
    ...(byIptables
      ? [{ by: each('-t nat -F'), kinds: 'masquerade' }]
      : [{ by: 'nft delete table inet trestle', kinds: 'masquerade' }]),
    { by: each('-F'), kinds: 'forward-accept' },
    { by: each('-F TRESTLE-FWD-cni0'), kinds: 'forward-accept' },
    { by: 'ip address flush dev cni0 scope global', kinds: 'gateway' },
    { by: 'ip link set cni0 type bridge no_linklocal_learn 0', kinds: 'bridge' },
    { by: 'sysctl -qw net.ipv6.conf.cni0.accept_ra=2', kinds: 'bridge' },
    { by: 'sysctl -qw net.ipv4.ip_forward=0 ; sysctl -qw net.ipv6.conf.all.forwarding=0', kinds: 'forwarding' },
    {
      by: `ip address flush dev cni0 scope global ; ${each('-F')} ; nft delete table bridge trestle`,
      kinds: 'gateway forward-accept guard',
    },
  ];
}

const findings = (place: Place, who: Who, plan: Plan) =>
  plan.flatMap((one) => (place.finding(who, [one]) === undefined ? [] : one.kind.name)).join(' ');

/** Ensures what can be, without the container, as an operator's command would. */
function reconcile(place: Place, who: Who, plan: Plan, neighbours: readonly Plan[] = []): void {
  place.call(
    who,
    ({ container: _, ...node }) =>
      ensurePlan(
        node,
        plan.filter((one) => !isOnce(one)),
        [],
        (_, act) => act(),
      ),
    neighbours,
  );
}

/** By which the kernel tells whether an interface is still the same. */
const indexes = (place: Place, who: Who) => [
  link(place.node, hostVethName(who))?.ifindex,
  link(place.containerOf(who), 'eth0')?.ifindex,
];

function table(families: Families, flavour: Flavour, backend: Backend): void {
  describe(`${familyText(families)}, backend ${backend}, iptables (${flavour}) drops`, () => {
    const given = families.map((family) => `${PROGRAM[family]}-${flavour} -P FORWARD DROP`);
    const row = { flavour, given };

    test.each(casesOf(families, flavour, backend).map(({ by, kinds }) => [by, kinds] as const))(
      '%s: %s',
      (by, kinds) => {
        using place = placeFor(row);
        const plan = recorded(OWN, families, backend);
        place.ensure(OWN, plan);
        expect(findings(place, OWN, plan)).toBe('');
        const [whole, links] = [place.look(), indexes(place, OWN)];
        place.run(OWN, by);
        expect(findings(place, OWN, plan)).toBe(kinds);
        const lost = place.look().lines.filter((line) => line.startsWith('container'));
        reconcile(place, OWN, plan);
        expect(findings(place, OWN, plan)).toBe('');
        expect(place.look()).toEqual(whole);
        expect([indexes(place, OWN), lost]).toEqual([
          links,
          whole.lines.filter((line) => line.startsWith('container')),
        ]);
      },
    );

    test('each of two attachments is whole after both were ensured, and again', () => {
      using place = placeFor(row);
      const plans = [OWN, NEXT].map((who) => [who, recorded(who, families, backend)] as const);
      for (const [who, plan] of plans) place.ensure(who, plan);
      const whole = place.look();
      place.run(OWN, casesOf(families, flavour, backend)[0]?.by ?? '');
      for (const _ of ['once', 'again'])
        for (const [who, plan] of plans) {
          const others = plans.filter(([other]) => other !== who).map(([, other]) => other);
          reconcile(place, who, plan, others);
        }
      for (const [who, plan] of plans) expect(findings(place, who, plan)).toBe('');
      expect(place.look()).toEqual(whole);
    });
  });
}

describeOnKernel('reconciled', () => {
  for (const families of FAMILIES) table(families, 'nft', 'nftables');
  table([4, 6], 'legacy', 'auto');
  table([4, 6], 'nft', 'iptables');
  table([4, 6], 'legacy', 'iptables');
});

describeOnKernel('a port that lost its bridge', () => {
  test('is told by its own finding, once what it shares is back', () => {
    using place = placeFor({});
    const plan = recorded(OWN, [4, 6], 'nftables');
    place.ensure(OWN, plan);
    place.run(OWN, 'ip link delete cni0');
    expect(findings(place, OWN, plan)).toBe('bridge gateway port');
    reconcile(place, OWN, plan);
    expect(findings(place, OWN, plan)).toBe('port');
    expect(place.finding(OWN, plan)?.message).toBe(
      `the host veth ${hostVethName(OWN)} is not a port of cni0: it is on no bridge`,
    );
  });
});
