/** GC: removes what this network has for attachments that the runtime no longer knows, or that are provably dead. */

import { collecting } from '../../attempt.ts';
import { delegateCommand } from '../../cni/delegate.ts';
import { Fault, reasonOf } from '../../fault.ts';
import { planGarbage, releaseGarbage } from '../../ipam/index.ts';
import type { Journal } from '../../log.ts';
import { type Node, withNode } from '../../resources/node.ts';
import { mainHost } from './host.ts';
import type { MainRequest } from './request.ts';
import { removeOrphans, removeUnusedAccepts } from './unrecorded.ts';

/** Removes what is not valid or dead, past errors. @throws Fault that reports them together */
export function gc(request: MainRequest, journal: Journal): void {
  withNode(request.searchPath, journal.log, (node) => collectGarbage(request, node, journal));
}

function collectGarbage(request: MainRequest, node: Node, { log, step }: Journal): void {
  const { network, dataDir, validAttachments, delegation } = request;
  const host = mainHost(node, dataDir);
  const doomed = step('find the garbage', () => planGarbage(dataDir, network, validAttachments, host));
  const { released, failures: kept } = step('remove it', () => releaseGarbage(dataDir, network, doomed, host));
  const failures: unknown[] = [...kept];
  const attempt = (what: string, act: () => readonly unknown[]) => {
    failures.push(...collecting(() => failures.push(...step(what, act))));
  };
  if (validAttachments !== undefined) {
    attempt('remove what has no record', () => removeOrphans(node, request, validAttachments));
  }
  attempt('remove unused accepts', () => removeUnusedAccepts(node, request));
  if (delegation !== undefined) {
    attempt(`have ${delegation.type} do GC`, () => {
      delegateCommand(delegation, 'GC');
      return [];
    });
  }
  log('info', `GC removed ${released.length} attachments`);
  if (failures.length > 0) throw incomplete(failures, doomed.length);
}

function incomplete(failures: readonly unknown[], doomed: number): Fault {
  const [first] = failures;
  const kind = first instanceof Fault ? first.kind : 'kernel';
  const reasons = failures.slice(0, 5).map(reasonOf).join('; ');
  return new Fault(kind, `cannot remove all garbage, ${failures.length} of ${doomed} failed: ${reasons}`, {
    cause: first,
    details: 'The rest was removed. GC may be run again at any time.',
  });
}
