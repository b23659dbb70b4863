/** The MAC guard, from made to removed. */

import { expect, test } from 'bun:test';
import { formatMac } from '../../../../src/address/mac.ts';
import { containerMac } from '../../../../src/resources/names.ts';
import { nftElements } from '../../../support/nft.ts';
import { describeOnKernel } from '../../../support/privilege.ts';
import { OWN, placeFor, type Row, survey, walk } from '../../support/walk.ts';
import { bridge, guard, port } from '../../support/walk-values.ts';

const MAC = formatMac(containerMac(OWN));
const UNHELD = `frames from VETH are not held to the MAC ${MAC}`;

/** What a restart of nftables with a saved ruleset does. */
const RELOADED = 'rules=$(nft list ruleset) && nft flush ruleset && echo "$rules" | nft -f -';

const ROW: Row = {
  name: 'a MAC guard',
  kind: 'guard',
  plan: (who) => [bridge(), guard(who)],
  breaks: [
    { by: 'nft flush ruleset', finding: `${UNHELD}: expected in the nftables set ports for pods/abc/eth0` },
    { by: 'nft delete table bridge trestle', finding: `${UNHELD}: expected in the nftables set ports` },
    { by: 'nft flush set bridge trestle ports', finding: `${UNHELD}: expected in the nftables set ports` },
    { by: 'nft flush set bridge trestle macs', finding: `${UNHELD}: expected in the nftables set macs` },
    {
      by: 'nft flush chain bridge trestle prerouting',
      finding: `${UNHELD}: no rule of the nftables chain prerouting leads to the chain guard`,
    },
    {
      by: 'nft flush chain bridge trestle input',
      finding: `${UNHELD}: no rule of the nftables chain input leads to the chain guard`,
    },
    { by: 'nft flush chain bridge trestle guard', finding: `${UNHELD}: the nftables chain guard has no rule` },
    {
      by: 'nft flush chain bridge trestle prerouting ; nft flush chain bridge trestle input ; nft delete chain bridge trestle guard',
      finding: `${UNHELD}: the nftables chain guard is missing`,
    },
    {
      by: `nft delete element bridge trestle ports { "VETH" }`,
      finding: `${UNHELD}: expected in the nftables set ports`,
    },
    {
      by: `nft delete element bridge trestle macs { "VETH" . ${MAC} }`,
      finding: `${UNHELD}: expected in the nftables set macs`,
    },
    { by: 'nft insert rule bridge trestle guard accept', finding: UNHELD },
    { by: 'nft flush chain bridge trestle guard ; nft add rule bridge trestle guard accept', finding: UNHELD },
    { by: 'nft insert rule bridge trestle prerouting accept', finding: UNHELD },
  ],
  tolerated: [
    'nft add table bridge other',
    'nft add rule bridge trestle prerouting iifname "eth9" counter',
    'nft add chain bridge trestle theirs',
    RELOADED,
  ],
};

describeOnKernel('the walk of', () => walk(ROW));
describeOnKernel('the survey of', () => survey(ROW));

describeOnKernel('a MAC guard', () => {
  test('stays while its port is there, and goes behind it', () => {
    using place = placeFor({});
    const plan = [bridge(), guard(OWN), port(OWN)];
    place.ensure(OWN, plan);
    const whole = place.look();
    const failures = place.remove(OWN, [guard(OWN)]);
    expect(failures).toMatchObject([{ kind: 'busy', message: expect.stringContaining('the port is still there') }]);
    expect(place.look()).toEqual(whole);
    expect(place.remove(OWN, plan)).toEqual([]);
    expect(nftElements(place.node)).toEqual([]);
  });
});
