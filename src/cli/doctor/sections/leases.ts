/** Leases and records against what is on the node, and the ranges that they are of. */

import { restartCommand } from '../attachments/commands.ts';
import { isInside, subjectOf, type View, viewOf } from '../attachments/view.ts';
import type { Examination, Finding, Section } from '../examination.ts';
import { examineDead } from '../store/dead.ts';
import { examineLeases, examineUnrecorded } from '../store/lost.ts';
import { viewNetworks } from '../store/networks.ts';
import { configuredRanges, examineRanges } from '../store/ranges.ts';

export const leases: Section = {
  name: 'leases',
  examine(examination) {
    const view = viewOf(examination);
    const networks = viewNetworks(examination);
    const findings = networks.flatMap((one) => [
      ...examineDead(examination, one),
      ...examineUnrecorded(examination, one),
      ...examineLeases(examination, one),
    ]);
    const ranges = examineRanges(examination, configuredRanges(examination));
    return { summary: summaryOf(examination), findings: [...findings, ...ranges, ...movedNetns(view)] };
  },
};

/** Living attachments whose path leads to another network namespace now. */
function movedNetns(view: View): Finding[] {
  return view.attached.flatMap((one) => {
    const found = view.inside(one);
    if (found === undefined || isInside(found) || !found.isOther) return [];
    const finding: Finding = {
      level: 'error',
      code: 'netns-replaced',
      subject: subjectOf(one),
      what: 'another network namespace than that of its ADD is at its path',
      evidence: `${found.instead}, and its record says net:[${one.netns?.inode}]; ${one.life.evidence}`,
      fix: restartCommand(view.examination, one),
      isSafe: false,
    };
    return view.about(one, [finding]);
  });
}

function summaryOf({ inventory: { attachments, networks } }: Examination): string {
  if (networks.length === 0) return 'no leases';
  const count = attachments.reduce((sum, { addresses }) => sum + addresses.length, 0);
  const many = networks.length === 1 ? 'one network' : `${networks.length} networks`;
  return `${count} leases on ${many}, each of a living attachment`;
}
