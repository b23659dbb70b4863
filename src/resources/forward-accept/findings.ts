/** What CHECK, STATUS and ADD say of an accept that is not as it should be. */

import type { Family } from '../../address/ip.ts';
import { Fault, type FaultKind, reasonOf } from '../../fault.ts';
import { type Acceptance, acceptChain, acceptsFor, sameAccepts } from './chain.ts';
import type { ForwardView } from './driver.ts';
import { type Drop, standingOf } from './path.ts';

type DropCause = Drop<unknown>['by'];

/** What is off about the accept of a link; undefined where all is well, or nothing drops. `program` is the flavour of iptables. */
export function findingFor(
  view: ForwardView<unknown>,
  family: Family,
  link: string,
  wanted: Acceptance,
  program: string,
  kind: FaultKind,
): Fault | undefined {
  const standing = standingOf(view.path, link);
  if (standing === 'too early') return overruling(link, program, kind);
  const { drop } = view.path;
  if (drop === undefined) return undefined;
  if (standing === 'missing') return missingAccept(link, program, drop.by, kind);
  if (standing === 'too late') return lateAccept(link, program, drop.by, kind);
  const found = view.accepts();
  return sameAccepts(found, acceptsFor(wanted, family, found)) ? undefined : otherAccept(link, program, kind);
}

/** For STATUS, where the flavour's driver cannot put an accept there. */
export function notAcceptable(link: string, program: string, drop: DropCause, cause: Fault): Fault {
  const why = `${whatDrops(drop, program)}, and an accept cannot be put there: ${reasonOf(cause)}`;
  return new Fault('limited', `what ${link} forwards is dropped: ${why}`, {
    cause,
    details: `${cause.details ?? ''} Or accept it yourself, and set "forward": "off".`.trim(),
  });
}

export function whatDrops(drop: DropCause, program: string): string {
  if (drop === 'policy') return `the policy of FORWARD in ${program} is DROP`;
  return `a rule of FORWARD in ${program} drops or rejects everything`;
}

function missingAccept(link: string, program: string, drop: DropCause, kind: FaultKind): Fault {
  const reason = `${whatDrops(drop, program)}, and the accept for ${link} is not there`;
  return new Fault(kind, `what ${link} forwards is dropped: ${reason}`, {
    details: 'Something changed iptables after ADD. The next ADD on this bridge puts the accept back.',
  });
}

function lateAccept(link: string, program: string, drop: DropCause, kind: FaultKind): Fault {
  const where = drop === 'rule' ? 'it' : 'a rule that returns everything';
  const reason = `${whatDrops(drop, program)}, and the accept for ${link} stands behind ${where}`;
  return new Fault(kind, `what ${link} forwards is dropped: ${reason}`, {
    details: 'The rule came after ADD. The next ADD on this bridge moves the accept in front of it.',
  });
}

function overruling(link: string, program: string, kind: FaultKind): Fault {
  const where = `the rule that leads to ${acceptChain(link)} in ${program}`;
  return new Fault(kind, `what may be denied is let through: rules of FORWARD stand behind ${where}`, {
    details: 'They were added after ADD. The next ADD on this bridge moves the accept behind them.',
  });
}

function otherAccept(link: string, program: string, kind: FaultKind): Fault {
  const chain = `${acceptChain(link)} in ${program}`;
  return new Fault(
    kind,
    `what ${link} forwards is not accepted as "forward" says: ${chain} does not hold the rules for it`,
    {
      details:
        'It was changed by hand, or for a network of the same subnet with another "forward". The next ADD makes it anew.',
    },
  );
}
