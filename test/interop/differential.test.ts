/** The same configuration means the same as to the reference plugins of today, but for what is on the list of what we mean. */

import { afterAll } from 'bun:test';
import { whyNoGoModule } from '../support/go-programs.ts';
import { createNetns } from '../support/netns.ts';
import { describeUnless } from '../support/privilege.ts';
import { BRIDGES, GATEWAYS } from './support/differential/cases/bridge.ts';
import { OTHERS, PORTS, VERSIONED } from './support/differential/cases/interface.ts';
import { RANGES, REQUESTED, ROUTES } from './support/differential/cases/ranges.ts';
import { REFUSED_BY_US, REFUSED_CALLS, REFUSED_KEYS, REFUSED_RANGES } from './support/differential/cases/refusals.ts';
import { MEANT } from './support/differential/meant.ts';
import { MEANT_OF_IPAM } from './support/differential/meant-ipam.ts';
import { observe, ours, theirs } from './support/differential/run.ts';
import { observeIpam, ourIpam, theirIpam } from './support/differential/run-ipam.ts';
import { compare } from './support/differential/suite.ts';

describeUnless(whyNoGoModule('plugins'), 'differential: dist/trestle and the reference bridge', () => {
  compare({
    tables: {
      gateways: GATEWAYS,
      bridges: BRIDGES,
      ports: PORTS,
      routes: ROUTES,
      'the rest': OTHERS,
      cniVersion: VERSIONED,
      'refused by us alone': REFUSED_BY_US,
    },
    refused: { 'refused calls': REFUSED_CALLS, 'refused keys': REFUSED_KEYS },
    observe: (subject) => Promise.all([observe(theirs, subject), observe(ours, subject)]),
    meant: MEANT,
  });
});

describeUnless(whyNoGoModule('plugins'), 'differential: dist/trestle-ipam and the reference host-local', () => {
  const ns = createNetns();
  afterAll(() => ns.delete());
  compare({
    tables: { ranges: RANGES, 'requested addresses': REQUESTED },
    refused: { 'refused ranges': REFUSED_RANGES },
    observe: (subject) => Promise.all([observeIpam(ns, theirIpam, subject), observeIpam(ns, ourIpam, subject)]),
    meant: MEANT_OF_IPAM,
  });
});
