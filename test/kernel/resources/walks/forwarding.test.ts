/** Forwarding on the node, from made to removed. */

import { describeOnKernel } from '../../../support/privilege.ts';
import { type Row, walk } from '../../support/walk.ts';
import { FAMILIES, type Families, familyText, forwarding } from '../../support/walk-values.ts';

const SYSCTL = { 4: 'net.ipv4.ip_forward', 6: 'net.ipv6.conf.all.forwarding' } as const;

function rowOf(families: Families): Row {
  return {
    name: `forwarding, ${familyText(families)}`,
    kind: 'forwarding',
    plan: () => [forwarding(families)],
    breaks: families.map((family) => ({
      by: `sysctl -qw ${SYSCTL[family]}=0`,
      finding: `forwarding is off: ${SYSCTL[family]} is 0, expected 1`,
    })),
    tolerated: ([4, 6] as const)
      .filter((family) => !families.includes(family))
      .map((family) => `sysctl -qw ${SYSCTL[family]}=0`),
  };
}

describeOnKernel('the walk of', () => {
  for (const families of FAMILIES) walk(rowOf(families));
});
