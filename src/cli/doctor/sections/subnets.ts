/** The subnets of the networks against those of other links, the routes of the node, and each other. */

import { formatCidr } from '../../../address/cidr.ts';
import { viewOf } from '../attachments/view.ts';
import type { Section } from '../examination.ts';
import { configuredRanges } from '../store/ranges.ts';
import { overlapsWithLinks, overlapsWithRoutes } from '../subnets/overlaps.ts';
import { sharedRanges } from '../subnets/shared-ranges.ts';
import { subnetsOf } from '../subnets/subnets.ts';

export const subnets: Section = {
  name: 'subnets',
  examine(examination) {
    const view = viewOf(examination);
    const ranges = configuredRanges(examination);
    const all = subnetsOf(view, ranges);
    const findings = [...overlapsWithLinks(view, all), ...overlapsWithRoutes(view, all), ...sharedRanges(view, ranges)];
    const texts = [...new Set(all.map(({ subnet }) => formatCidr(subnet)))];
    const shown = texts.length > 4 ? `${texts.length} subnets` : texts.join(', ');
    return {
      summary: texts.length === 0 ? 'no subnets to look at' : `${shown}: nothing else on the node has them`,
      findings,
    };
  },
};
