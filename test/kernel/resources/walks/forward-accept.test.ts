/** The accept of what a bridge forwards, from made to removed: both flavours of iptables, both families, both modes. */

import { expect, test } from 'bun:test';
import type { Family } from '../../../../src/address/ip.ts';
import { FLAVOURS, type Flavour } from '../../../support/iptables.ts';
import { describeOnKernel } from '../../../support/privilege.ts';
import { type Break, OWN, placeFor, type Row, walk } from '../../support/walk.ts';
import { accept, bridge, FAMILIES, type Families, familyText, port } from '../../support/walk-values.ts';

type Mode = 'auto' | 'open';

const CHAIN = 'TRESTLE-FWD-cni0';
const PROGRAM = { 4: 'iptables', 6: 'ip6tables' } as const;
const SOURCE = { 4: '192.0.2.0/24', 6: '2001:db8::/64' } as const;
/** What FORWARD drops by. */
const DROPS = { policy: '-P FORWARD DROP', rule: '-A FORWARD -j REJECT' } as const;
const NAMES = { nft: 'nf_tables', legacy: 'legacy' } as const;

function breaksOf(flavour: Flavour, drop: keyof typeof DROPS, mode: Mode, family: Family): Break[] {
  const program = `${PROGRAM[family]}-${flavour}`;
  const shown = `${PROGRAM[family]} (${NAMES[flavour]})`;
  const missing =
    drop === 'policy'
      ? `what cni0 forwards is dropped: the policy of FORWARD in ${shown} is DROP, and the accept for cni0 is not there`
      : `a rule of FORWARD in ${shown} drops or rejects everything, and the accept for cni0 is not there`;
  const other = `${CHAIN} in ${shown} does not hold the rules for it`;
  const denied = `what may be denied is let through: rules of FORWARD stand behind the rule that leads to ${CHAIN} in ${shown}`;
  const otherMode =
    mode === 'auto' ? `-R ${CHAIN} 3 -o cni0 -j ACCEPT` : `-R ${CHAIN} 2 -o cni0 -m conntrack --ctstate DNAT -j ACCEPT`;
  return [
    { by: `${program} -D FORWARD 1`, finding: missing },
    { by: `${program} -D FORWARD 1 ; ${program} -F ${CHAIN} ; ${program} -X ${CHAIN}`, finding: missing },
    ...(drop === 'policy' ? [{ by: `${program} -F`, finding: missing }] : []),
    { by: `${program} -F ${CHAIN}`, finding: other },
    { by: `${program} -D ${CHAIN} 1`, finding: other },
    { by: `${program} -I ${CHAIN} -i eth9 -j ACCEPT`, finding: other },
    { by: `${program} ${otherMode}`, finding: other },
    {
      by: `${program} -I FORWARD -j ${CHAIN} ; ${program} -I FORWARD 2 -i cni0 -s ${SOURCE[family]} -j DROP`,
      finding: denied,
      mayStay: true,
    },
    ...(drop === 'policy'
      ? [{ by: `${program} -A FORWARD -i cni0 -s ${SOURCE[family]} -j DROP`, finding: denied, mayStay: true as const }]
      : []),
  ];
}

function row(flavour: Flavour, drop: keyof typeof DROPS, mode: Mode, families: Families): Row {
  const programs = families.map((family) => `${PROGRAM[family]}-${flavour}`);
  return {
    name: `an accept, ${mode}, where iptables (${flavour}) drops by ${drop}, ${familyText(families)}`,
    kind: 'forward-accept',
    flavour,
    given: programs.map((program) => `${program} ${DROPS[drop]}`),
    plan: (who) => [bridge(), accept(families, mode), port(who, { keepDown: true })],
    breaks: families.flatMap((family) => breaksOf(flavour, drop, mode, family)),
    tolerated: families.map(
      (family) => `${PROGRAM[family]}-${flavour} -I FORWARD -i cni0 -s ${SOURCE[family]} -j DROP`,
    ),
  };
}

/** Each flavour with what drops in each way; modes and both families together once. */
const ROWS: readonly Row[] = FLAVOURS.flatMap((flavour) => [
  ...FAMILIES.slice(0, 2).map((families) => row(flavour, 'policy', 'auto', families)),
  row(flavour, 'rule', 'auto', [4, 6]),
  row(flavour, 'policy', 'open', [4, 6]),
]);

describeOnKernel('the walk of', () => {
  for (const one of ROWS) walk(one);
});

describeOnKernel('an accept', () => {
  test.each(FLAVOURS)(
    'of iptables (%s) stays while the bridge has a port, and is not made where nothing drops',
    (flavour) => {
      using place = placeFor({ flavour });
      const plan = [bridge(), accept([4, 6]), port(OWN)];
      place.ensure(OWN, [bridge(), port(OWN)]);
      const open = place.look();
      place.ensure(OWN, [accept([4, 6])]);
      expect(place.look()).toEqual(open);
      expect(place.finding(OWN, [accept([4, 6])])).toBeUndefined();
      for (const program of Object.values(PROGRAM)) place.run(OWN, `${program}-${flavour} -P FORWARD DROP`);
      const dropping = place.look();
      place.ensure(OWN, [accept([4, 6])]);
      const accepted = place.look();
      expect(accepted).not.toEqual(dropping);
      expect(place.remove(OWN, [accept([4, 6])])).toEqual([]);
      expect(place.look()).toEqual(accepted);
      expect(place.remove(OWN, plan)).toEqual([]);
      expect(place.look().lines.filter((line) => line.includes('TRESTLE'))).toEqual([]);
    },
  );
});
