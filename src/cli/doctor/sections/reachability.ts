/** What the containers reach, where the operator asks for probes. */

import { viewOf } from '../attachments/view.ts';
import type { Section } from '../examination.ts';
import { findingsOf } from '../reach/findings.ts';
import { sendAll } from '../reach/send.ts';
import { sendersOf } from '../reach/targets.ts';

export const reachability: Section = {
  name: 'reachability',
  examine(examination) {
    const { probe, node } = examination;
    if (probe === undefined) return { summary: 'not probed; trestle doctor --probe does', findings: [] };
    const view = viewOf(examination);
    const { senders, of } = sendersOf(view, probe);
    const count = senders.reduce((sum, { attempts }) => sum + attempts.length, 0);
    const sample = senders.length < of ? `a sample of ${senders.length} of ${of}` : `${senders.length}`;
    const summary = `${count} probes from ${sample} containers were answered`;
    return { summary, findings: findingsOf(view, sendAll(node, senders)) };
  },
};
