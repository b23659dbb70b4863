/** Whether each resource of an attachment is as its plan says. */

import { Fault, isOutOfMemory, reasonOf } from '../../fault.ts';
import { recordedAddresses, verifyLeases } from '../../ipam/index.ts';
import { recordedPlan } from '../../resources/attachment.ts';
import { type Container, type Node, withContainer } from '../../resources/node.ts';
import type { Resource } from '../../resources/plan.ts';
import { findingOf } from '../../resources/resource.ts';
import { hostOf, type Inventory, type Listed } from '../inventory/inventory.ts';
import { resourceText } from './resource-text.ts';

/** One resource of a plan, judged. */
export interface Verdict {
  /** The kind of resource: `port`, `masquerade`; `lease` for the addresses of IPAM. */
  readonly kind: string;
  /** What the attachment wants of it, for people. */
  readonly wanted: string;
  readonly verdict: 'ok' | 'off' | 'not checked';
  /** What is off, or why it was not checked. */
  readonly reason?: string | undefined;
  /** What to do about what is off. */
  readonly advice?: string | undefined;
}

/** Looks at each resource of the attachment, in the order of its plan. Only reads; what cannot be looked at is a verdict, too. */
export function verdictsOn(node: Node, listed: Listed, { links }: Pick<Inventory, 'links'>): Verdict[] {
  return [...leaseVerdicts(node, listed, links), ...planVerdicts(node, listed)];
}

function leaseVerdicts(node: Node, listed: Listed, links: Inventory['links']): Verdict[] {
  const { record, dataDir } = listed;
  if (record === undefined || record.addresses.length === 0) return [];
  const host = hostOf(node, dataDir, links);
  const expected = recordedAddresses(record).map(({ ip }) => ip);
  return [
    {
      kind: 'lease',
      wanted: record.addresses.join(' '),
      ...judged(() => findingOf(() => verifyLeases(dataDir, record, expected, host))),
    },
  ];
}

function planVerdicts(node: Node, { record, dataDir, netns }: Listed): Verdict[] {
  if (record === undefined) return [];
  const plan = recordedPlan(record, record, dataDir, node.log);
  if (netns === undefined) return plan.map((one) => verdictOn(node, one, 'its network namespace is not known'));
  try {
    return withContainer(node, netns.path, (container) => {
      const isOther = container.netns.inode !== netns.inode || container.netns.device !== netns.device;
      const absence = isOther ? `another network namespace is at ${netns.path} now` : undefined;
      return plan.map((one) => verdictOn(node, one, absence, isOther ? undefined : container));
    });
  } catch (error) {
    const isGone = error instanceof Fault && error.kind === 'environment';
    const absence = isGone ? `no network namespace is at ${netns.path} any more` : reasonOf(error);
    return plan.map((one) => verdictOn(node, one, absence));
  }
}

/** `absence` says why there is no container to look into, and is the verdict on what needs one. */
function verdictOn(node: Node, { kind, wanted }: Resource, absence?: string, container?: Container): Verdict {
  const subject = { kind: kind.name, wanted: resourceText(kind.name, wanted) };
  const whole = container === undefined ? node : { ...node, container };
  const needsContainer = (error: unknown) => error instanceof Fault && error.kind === 'internal';
  return {
    ...subject,
    ...judged(
      () => kind.verify(whole, wanted),
      (error) => (absence !== undefined && needsContainer(error) ? absence : undefined),
    ),
  };
}

/** Turns what `verify` returns or throws into a verdict. `explain` has a better reason for some errors. */
function judged(
  verify: () => Fault | undefined,
  explain: (error: unknown) => string | undefined = () => undefined,
): Pick<Verdict, 'verdict' | 'reason' | 'advice'> {
  try {
    const finding = verify();
    if (finding === undefined) return { verdict: 'ok' };
    return { verdict: 'off', reason: reasonOf(finding), advice: finding.details };
  } catch (error) {
    if (isOutOfMemory(error)) throw error;
    return { verdict: 'not checked', reason: explain(error) ?? reasonOf(error) };
  }
}
