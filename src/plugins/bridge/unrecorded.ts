/**
 * Removes what no record tells of: of attachments whose record is lost, and of those that the reference plugins made. What
 * such an attachment has is the host veth, found by its name or through the container, and entries of packet filters that name
 * their owner.
 */

import { collecting } from '../../attempt.ts';
import type { Attachment } from '../../ipam/index.ts';
import type { Step } from '../../log.ts';
import { forwardAcceptKind } from '../../resources/forward-accept/forward-accept.ts';
import { guardKind } from '../../resources/guard/guard.ts';
import { masqueradeKind } from '../../resources/masquerade/masquerade.ts';
import { hostVethName } from '../../resources/names.ts';
import type { Node } from '../../resources/node.ts';
import { isOwnedByAny, type Resource, removeOwned, removePlan, resource, surveyKinds } from '../../resources/plan.ts';
import { portKind, removeOwnVeth } from '../../resources/port/port.ts';
import { removeForeignInterface } from '../../resources/port/unrecorded.ts';
import type { Kind, Scope } from '../../resources/resource.ts';
import type { MainRequest } from './request.ts';
import { bridgeName } from './settings.ts';

/** Removes what the attachment of the request may have, and goes on past errors. @returns the errors in order */
export function removeUnrecorded(node: Node, request: MainRequest, step: Step): unknown[] {
  const { containerId, ifName, config } = request;
  const scope = { ...scopeOf(request), containerId, ifName };
  const failures: unknown[] = [];
  const remove = (what: string, act: () => readonly unknown[] | undefined) => {
    failures.push(...collecting(() => failures.push(...(step(`remove ${what}`, act) ?? []))));
  };
  const removeOf = (kind: Pick<Kind<unknown>, 'name' | 'survey'>) =>
    remove(kind.name, () => removeOwned(kind.survey(node, scope), (one) => one.isOf(request)));
  if (config.ipMasq) removeOf(masqueradeKind);
  remove(portKind.name, () => {
    const removed = removeOwnVeth(node, { ...request, name: hostVethName(request) });
    if (!removed && request.netns !== '') removeForeignInterface(node, request, bridgeName(config));
    return undefined;
  });
  if (config.macspoofchk && failures.length === 0) removeOf(guardKind);
  return [...failures, ...withdrawAccepts(node, request, step)];
}

/** Removes what the network has for attachments that are not valid, and goes on past errors. @returns the errors in order */
export function removeOrphans(
  node: Node,
  request: MainRequest,
  valid: readonly Omit<Attachment, 'network'>[],
): unknown[] {
  const { config } = request;
  const kinds = [
    portKind,
    ...(config.ipMasq ? [masqueradeKind] : []),
    ...(config.macspoofchk ? [guardKind] : []),
  ] as readonly Kind<unknown>[];
  return removeOwned(surveyKinds(node, kinds, scopeOf(request)), (one) => !isOwnedByAny(one, valid));
}

/** Removes the accepts that no port uses, also those of bridges that are gone. @returns the errors in order */
export function removeUnusedAccepts(node: Node, request: MainRequest): unknown[] {
  return removeOwned(forwardAcceptKind.survey(node, scopeOf(request)), () => true);
}

/** Removes the accepts of the bridge and of the VLAN where no port uses them. @returns the errors in order */
export function withdrawAccepts(node: Node, { config }: MainRequest, step: Step): unknown[] {
  const wanted = { bridge: bridgeName(config), mode: 'auto', families: [4, 6] } as const;
  const plan: Resource[] = [resource(forwardAcceptKind, wanted)];
  if (config.vlan) plan.push(resource(forwardAcceptKind, { ...wanted, vlan: config.vlan }));
  return removePlan(node, plan, step);
}

function scopeOf({ network, dataDir }: MainRequest): Scope {
  return { network, dataDir };
}
