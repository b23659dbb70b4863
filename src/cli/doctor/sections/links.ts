/** The links of the attachments: bridges, host veths, the interfaces in the containers, and the MTU along the path. */

import { examineBridges } from '../attachments/bridges.ts';
import { examineMtu } from '../attachments/mtu.ts';
import { examineMembership, examinePort } from '../attachments/ports.ts';
import { viewOf } from '../attachments/view.ts';
import type { Section } from '../examination.ts';

export const links: Section = {
  name: 'links',
  examine(examination) {
    const view = viewOf(examination);
    const bridges = examineBridges(view);
    const membership = examineMembership(view);
    const ports = view.attached.flatMap((one) => view.about(one, examinePort(view, one)));
    const names = new Set(view.attached.flatMap(({ bridge }) => bridge ?? []));
    const count = view.attached.length;
    const summary = count === 0 ? 'no living attachments' : `${count} attachments on ${[...names].join(', ')} are up`;
    return { summary, findings: [...bridges, ...membership, ...ports, ...examineMtu(view)] };
  },
};
