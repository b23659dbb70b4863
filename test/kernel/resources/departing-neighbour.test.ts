/** An ADD that puts back what neighbours have lost, while a DEL that runs at the same time has begun with one of them. */

import { expect, test } from 'bun:test';
import type { Neighbour, Node } from '../../../src/resources/node.ts';
import { ensurePlan, mendPlan, type Plan, wantedOf } from '../../../src/resources/plan.ts';
import type { Flavour } from '../../support/iptables.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { OTHERS, OWN, placeFor, type Who } from '../support/walk.ts';
import { bridge, guard, masquerade } from '../support/walk-values.ts';

const [NEXT] = OTHERS as readonly [Who];
const plain = <T>(_: string, action: () => T) => action();

type Row = readonly [what: string, plan: (who: Who) => Plan, flavour?: Flavour];
const ROWS: readonly Row[] = [
  ['masquerading through nftables', (who) => [masquerade(who, [4, 6], 'nftables')]],
  ['masquerading through iptables (nft)', (who) => [masquerade(who, [4, 6], 'iptables')], 'nft'],
  ['masquerading through iptables (legacy)', (who) => [masquerade(who, [4, 6], 'iptables')], 'legacy'],
  ['a MAC guard', (who) => [bridge(), guard(who)]],
];

/** The node of a call that has read the neighbour's record. */
function beside(node: Node, plan: Plan, isStaying: boolean): Node {
  const neighbour: Neighbour = {
    owner: 'pods/next/eth0',
    wanted: (kind) => wantedOf(plan, kind),
    isStaying: () => isStaying,
    isBeingMade: () => false,
  };
  return { ...node, neighbours: () => [neighbour], owners: () => [neighbour.owner] };
}

/** What is on a node on which `given` was made, after an act of a call beside the neighbour. */
function seen([, plan, flavour]: Row, given: readonly Who[], isStaying: boolean, act: (node: Node) => void) {
  using place = placeFor({ flavour });
  for (const who of given) place.ensure(who, plan(who));
  place.call(OWN, (node) => act(beside(node, plan(NEXT), isStaying)));
  return place.look();
}

for (const row of ROWS) {
  const [what, plan] = row;
  describeOnKernel(`${what} of a neighbour that is being deleted`, () => {
    test('is not put back by the first ADD after a flush', () => {
      const add = (node: Node) => ensurePlan(node, plan(OWN), [], plain);
      const alone = seen(row, [OWN], false, () => {});
      expect(seen(row, [], false, add)).toEqual(alone);
      expect(seen(row, [], true, add)).not.toEqual(alone);
    });

    test('is not put back by the comparison after a change', () => {
      const compare = (node: Node) => mendPlan(node, plan(OWN), plain);
      expect(seen(row, [OWN], false, compare)).toEqual(seen(row, [OWN], false, () => {}));
    });
  });
}
