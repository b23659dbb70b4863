/** Masquerading through iptables, from made to removed: both flavours, both families. */

import { hashHex } from '../../../../src/address/hash.ts';
import type { Family } from '../../../../src/address/ip.ts';
import { FLAVOURS, type Flavour } from '../../../support/iptables.ts';
import { describeOnKernel } from '../../../support/privilege.ts';
import { type Break, type Row, survey, walk } from '../../support/walk.ts';
import { addressText, FAMILIES, type Families, familyText, masquerade, subnetText } from '../../support/walk-values.ts';

const PROGRAM = { 4: 'iptables', 6: 'ip6tables' } as const;

function inIptables(families: Families, flavour: Flavour): Row {
  const lost = (family: Family) =>
    `${addressText(family, 2)} is not masqueraded: expected in iptables for pods/abc/eth0, but `;
  return {
    name: `masquerading through iptables (${flavour}), ${familyText(families)}`,
    kind: 'masquerade',
    flavour,
    plan: (who) => [masquerade(who, families, 'iptables')],
    breaks: families.flatMap((family): Break[] => {
      const nat = `${PROGRAM[family]}-${flavour} -t nat`;
      const subnet = subnetText(family);
      const chain = `TRESTLE-${hashHex('masquerade', 'pods', subnet)}`;
      const jump = `POSTROUTING -s ${subnet} ! -d ${subnet} -m comment --comment "trestle pods" -j ${chain}`;
      const noJump = `${lost(family)}no rule of POSTROUTING leads to ${chain}`;
      const noRule = `${lost(family)}${chain} has no rule for it`;
      return [
        { by: `${nat} -D ${jump}`, finding: noJump },
        { by: `${nat} -F POSTROUTING`, finding: noJump },
        { by: `${nat} -F`, finding: noRule },
        { by: `${nat} -F ; ${nat} -X`, finding: noRule },
      ];
    }),
    tolerated: families.map((family) => `${PROGRAM[family]}-${flavour} -t nat -A POSTROUTING -j ACCEPT`),
  };
}

const ROWS: readonly Row[] = FLAVOURS.flatMap((flavour) => FAMILIES.map((families) => inIptables(families, flavour)));

describeOnKernel('the walk of', () => {
  for (const row of ROWS) walk(row);
});

describeOnKernel('the survey of', () => {
  for (const row of ROWS) survey(row);
});
