/**
 * The face that every kind of resource has. An attachment has a plan (`plan.ts`), an ordered list of resources, and the CNI
 * verbs are walks over the plan. So undo, DEL and GC cannot disagree, and CHECK sees what ADD makes.
 */

import type * as z from 'zod/mini';
import { Fault } from '../fault.ts';
import type { Attachment } from '../ipam/index.ts';
import type { Node } from './node.ts';

const REMAKE = 'Something changed it after ADD. Restarting the container (DEL and ADD) makes it anew.';

/** One kind of resource. `Wanted` says what one attachment wants of it: plain data, which the attachment's record keeps. */
export interface Kind<Wanted> {
  /** The name in plan, log and record: `port`, `masquerade`. */
  readonly name: string;
  /** Reads `Wanted` from the JSON of a record. */
  readonly schema: z.ZodMiniType<Wanted>;
  /**
   * Makes what is wanted; idempotent. On failure nothing is left of what this call made. @throws Fault, KernelError,
   * SystemError
   */
  ensure(node: Node, wanted: Wanted): void;
  /**
   * Puts back what an attachment that exists has lost of this kind, and leaves what else is there; idempotent. Absent where
   * `ensure` does that, as it does for all that attachments share. @throws Fault `check` for what only a new attachment gets,
   * Fault, KernelError, SystemError
   */
  restore?(node: Node, wanted: Wanted): void;
  /** Only reads. @returns the first thing that is off, a Fault `check` with what to do; undefined where all is as wanted */
  verify(node: Node, wanted: Wanted): Fault | undefined;
  /**
   * Removes what the attachment alone owns, and with the last attachment what attachments share; absence is no error. Needs
   * neither the container nor the configuration. Absent for kinds that stay, or go with another kind. @throws Fault,
   * KernelError, SystemError
   */
  remove?(node: Node, wanted: Wanted): void;
  /** All of this kind that attachments of the scope have on the node, recorded or not. */
  survey(node: Node, scope: Scope): readonly Owned[];
  /**
   * Puts back what neighbours have lost of this kind, after another program has changed the packet filter. Absent where
   * `ensure` sees all that is missing. @throws Fault, KernelError
   */
  mend?(node: Node, wanted: Wanted): void;
  /**
   * Whether `ensure` could succeed now. @returns undefined: yes; a Fault `limited`: yes, with the limit that the Fault names;
   * any other Fault: no, for the reason that the Fault names
   */
  able(node: Node, wanted: Wanted): Fault | undefined;
}

/** Where to look for what attachments own: one network of one data directory, or one attachment of that network. */
export interface Scope {
  readonly network: string;
  readonly dataDir: string;
  readonly containerId?: string;
  readonly ifName?: string;
}

/** Something on the node that belongs to an attachment. */
export interface Owned {
  /** What it is, for people: "the host veth vethab12". */
  readonly what: string;
  /** See `ownerText`; absent where it is no attachment of ours. */
  readonly owner?: string;
  isOf(attachment: Omit<Attachment, 'network'>): boolean;
  /** @throws Fault, KernelError, SystemError */
  remove(): void;
}

/** The `survey` of kinds of which no attachment owns anything alone. */
export const nothingOwned = (): readonly Owned[] => [];

/**
 * Runs `verify`, which throws the Fault that it finds. @returns a Fault that is a finding (of the kind `check`, by default).
 * @throws every other error
 */
export function findingOf(verify: () => unknown, isFinding: (fault: Fault) => boolean = isCheck): Fault | undefined {
  try {
    verify();
    return undefined;
  } catch (error) {
    if (error instanceof Fault && isFinding(error)) return error;
    throw error;
  }
}

/** Findings about other attachments as one limit: the first, and how many more there are. */
export function limitOf([first, ...others]: readonly Fault[]): Fault | undefined {
  if (first === undefined) return undefined;
  const count = others.length === 1 ? 'There is 1 more finding' : `There are ${others.length} more findings`;
  const more = others.length === 0 ? '' : `${count} like it. `;
  return new Fault('limited', first.message, { cause: first, details: `${more}${first.details ?? ''}`.trim() });
}

/** The Fault of something that is not as ADD left it. `finding` says what was expected and what was found. */
export function off(finding: string, details = REMAKE): Fault {
  return new Fault('check', finding, { details });
}

function isCheck({ kind }: Fault): boolean {
  return kind === 'check';
}
