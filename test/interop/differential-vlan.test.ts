/** The same for VLANs, which not every kernel's bridge has. */

import { describeNeeding } from '../support/feature.ts';
import { whyNoGoModule } from '../support/go-programs.ts';
import { describeUnless } from '../support/privilege.ts';
import { VLANS } from './support/differential/cases/vlans.ts';
import { MEANT } from './support/differential/meant.ts';
import { MEANT_OF_VLANS } from './support/differential/meant-vlan.ts';
import { observe, ours, theirs } from './support/differential/run.ts';
import { compare } from './support/differential/suite.ts';

describeNeeding('vlan-filtering', 'differential: VLANs', () => {
  describeUnless(whyNoGoModule('plugins'), 'dist/trestle and the reference bridge', () => {
    compare({
      tables: { VLANs: VLANS },
      observe: (subject) => Promise.all([observe(theirs, subject), observe(ours, subject)]),
      meant: MEANT_OF_VLANS,
      alsoMeant: MEANT,
    });
  });
});
