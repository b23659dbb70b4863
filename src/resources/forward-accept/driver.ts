/**
 * The face of the two iptables of a node (over nf_tables, and over the kernel's older tables) for the accept of a bridge; and
 * what both decide alike: what to change, and what to report.
 */

import type { Family } from '../../address/ip.ts';
import { Fault, type FaultKind, reasonOf } from '../../fault.ts';
import type { Node } from '../node.ts';
import { type Accept, type Acceptance, acceptChain, acceptsFor, sameAccepts } from './chain.ts';
import { type Drop, type ForwardPath, type Place, standingOf } from './path.ts';

/** What one flavour has for a link: a bridge, or the gateway of a VLAN. `Handle` identifies a rule in that flavour. */
export interface ForwardView<Handle> {
  readonly path: ForwardPath<Handle>;
  /** How many rules lead to the chain of the accept. */
  readonly ways: number;
  /** The rules in the chain of the accept, undefined for each rule that is no `Accept`. Empty where there is no chain. */
  accepts(): readonly (Accept | undefined)[];
}

/** What is to replace the accept of a link: one with these rules, at that place; without a place, none. */
export interface Change<Handle> {
  readonly place: Place<Handle> | undefined;
  readonly accepts: readonly Accept[];
}

/** Decides what to change, by what `look` sees. Undefined: nothing. */
export type Decide = <Handle>(look: () => ForwardView<Handle> | undefined) => Change<Handle> | undefined;

export interface ForwardAcceptDriver {
  /** The name for messages: `iptables (nf_tables)`. */
  nameFor(family: Family): string;
  /**
   * Follows a packet that the link forwards. Only reads. Undefined where FORWARD cannot drop anything. @throws KernelError,
   * SystemError
   */
  read(node: Node, family: Family, link: string): ForwardView<unknown> | undefined;
  /**
   * Carries out what `decide` says, in one transaction; asks `decide` again where another program changed the ruleset
   * meanwhile.
   * @throws KernelError, SystemError, Fault where the change is refused
   */
  change(node: Node, family: Family, link: string, decide: Decide): void;
  /** Whether the accept of the link is there, whole or not. Only reads. @throws KernelError, SystemError */
  has(node: Node, family: Family, link: string): boolean;
  /** The links that have an accept there. Only reads. @throws KernelError, SystemError */
  acceptedLinks(node: Node, family: Family): readonly string[];
  /** Why an accept for the link cannot be written, as far as that can be seen without trying; undefined where it can. */
  able(node: Node, family: Family, link: string): Fault | undefined;
}

type DropCause = Drop<unknown>['by'];

/** The change that removes an accept. */
export const REMOVAL: Change<never> = { place: undefined, accepts: [] };

/**
 * What an ADD changes. An accept is put where packets would be dropped, behind every rule that may deny them. An accept is
 * removed where nothing drops and it overrules a rule. Undefined where the accept is right, or none is needed.
 */
export function changeFor<Handle>(
  view: ForwardView<Handle> | undefined,
  family: Family,
  link: string,
  wanted: Acceptance,
): Change<Handle> | undefined {
  const standing = view && standingOf(view.path, link);
  if (view === undefined || standing === 'not needed') return undefined;
  const found = view.accepts();
  const accepts = acceptsFor(wanted, family, found);
  const isWhole = standing === 'in place' && view.ways === 1 && sameAccepts(found, accepts);
  return isWhole ? undefined : { place: view.path.drop?.place, accepts };
}

/**
 * What is off about the accept of a link; undefined where it is right, or none is needed. `program` is the flavour of
 * iptables.
 */
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

/** The Fault for STATUS where the flavour's driver cannot write the accept. */
export function notAcceptable(link: string, program: string, drop: DropCause, cause: Fault): Fault {
  const why = `${whatDrops(drop, program)}, and an accept cannot be put there: ${reasonOf(cause)}`;
  return new Fault('limited', `what ${link} forwards is dropped: ${why}`, {
    cause,
    details: `${cause.details ?? ''} Or accept it yourself, and set "forward": "off".`.trim(),
  });
}

/** Says what drops, as a clause. */
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
