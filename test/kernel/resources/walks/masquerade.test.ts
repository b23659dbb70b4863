/** Masquerading through nftables, from made to removed, both families. */

import type { Family } from '../../../../src/address/ip.ts';
import type { Backend } from '../../../../src/resources/masquerade/masquerade.ts';
import { describeOnKernel } from '../../../support/privilege.ts';
import { type Break, type Row, survey, walk } from '../../support/walk.ts';
import { addressText, FAMILIES, type Families, familyText, masquerade, subnetText } from '../../support/walk-values.ts';

/** What a restart of nftables with a saved ruleset does. */
const RELOADED = 'rules=$(nft list ruleset) && nft flush ruleset && echo "$rules" | nft -f -';

function inNftables(families: Families, backend: Backend): Row {
  const lost = (family: Family) => `${addressText(family, 2)} is not masqueraded: `;
  const [first = 4] = families;
  const breaks = families.flatMap((family): Break[] => {
    const set = `masq-pods-${subnetText(family).replaceAll(':', '_')}`;
    const expected = `${lost(family)}expected in the nftables set ${set} for pods/abc/eth0, it is not there`;
    return [
      { by: `nft flush set inet trestle ${set}`, finding: expected },
      { by: `nft delete element inet trestle ${set} { ${addressText(family, 2)} }`, finding: expected },
      { by: `nft insert rule inet trestle ${set} return`, finding: lost(family) },
      { by: `nft flush chain inet trestle ${set} ; nft add rule inet trestle ${set} return`, finding: lost(family) },
      { by: `nft flush chain inet trestle ${set}`, finding: `${lost(family)}the nftables chain ${set} has no rule` },
      {
        by: `nft flush chain inet trestle postrouting ; nft flush chain inet trestle ${set} ; nft delete chain inet trestle ${set}`,
        finding: `${lost(first)}${family === first ? `the nftables chain ${set} is missing` : 'no rule of the nftables chain postrouting leads to'}`,
      },
    ];
  });
  const everywhere = `${lost(first)}expected in the nftables set`;
  return {
    name: `masquerading, backend ${backend}, ${familyText(families)}`,
    kind: 'masquerade',
    plan: (who) => [masquerade(who, families, backend)],
    breaks: [
      ...breaks,
      {
        by: 'nft flush chain inet trestle postrouting',
        finding: `${lost(first)}no rule of the nftables chain postrouting leads to`,
      },
      ...['accept', 'return', 'ip protocol tcp accept'].map((rule) => ({
        by: `nft insert rule inet trestle postrouting ${rule}`,
        finding: `${lost(first)}in the nftables chain postrouting another rule stands before the one that leads to`,
        // Behind ours.
        mayStay: true as const,
      })),
      { by: 'nft delete table inet trestle', finding: everywhere },
      { by: 'nft flush ruleset', finding: everywhere },
    ],
    tolerated: [
      'nft add table inet other',
      'nft add rule inet trestle postrouting counter',
      'nft add rule inet trestle postrouting accept',
      'nft insert rule inet trestle postrouting meta nftrace set 1',
      RELOADED,
    ],
  };
}

const ROWS: readonly Row[] = [
  ...FAMILIES.map((families) => inNftables(families, 'nftables')),
  inNftables([4, 6], 'auto'),
];

describeOnKernel('the walk of', () => {
  for (const row of ROWS) walk(row);
});

describeOnKernel('the survey of', () => {
  for (const row of ROWS) survey(row);
});
