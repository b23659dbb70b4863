/** The addresses and routes in the containers, and the gateways on their bridges. */

import { examineAddressing } from '../attachments/addressing.ts';
import { examineDuplicates } from '../attachments/duplicates.ts';
import { examineGateways } from '../attachments/gateways.ts';
import { viewOf } from '../attachments/view.ts';
import type { Section } from '../examination.ts';

export const addresses: Section = {
  name: 'addresses',
  examine(examination) {
    const view = viewOf(examination);
    const gateways = examineGateways(view);
    const duplicates = examineDuplicates(view);
    const inside = view.attached.flatMap((one) => view.about(one, examineAddressing(view, one)));
    const count = view.attached.reduce((sum, { wanted }) => sum + (wanted.addressing?.addresses.length ?? 0), 0);
    const summary = count === 0 ? 'no addresses to look at' : `${count} addresses with their routes and gateways`;
    return { summary, findings: [...gateways, ...duplicates, ...inside] };
  },
};
