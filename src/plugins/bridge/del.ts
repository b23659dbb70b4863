/**
 * DEL: needs neither the netns, nor prevResult, nor the bridge. It goes on past an error and reports at the end. The
 * addresses are released last, when nothing on the node uses them any more; only dhcp releases them earlier, through the
 * interface.
 */

import { collecting } from '../../attempt.ts';
import { type Delegation, delegateCommand } from '../../cni/delegate.ts';
import { type Fault, reasonOf } from '../../fault.ts';
import { type AttachmentRecord, findRecord, releaseAddresses } from '../../ipam/index.ts';
import type { Journal } from '../../log.ts';
import { removeRecorded } from '../../resources/attachment.ts';
import { isBroken } from '../../resources/iptables/iptables.ts';
import { type Node, withNode } from '../../resources/node.ts';
import { releasesThroughInterface } from '../allocation.ts';
import { mainHost } from './host.ts';
import { rememberGeneration } from './mending.ts';
import type { MainRequest } from './request.ts';
import { removeUnrecorded, withdrawAccepts } from './unrecorded.ts';

/** Detaches the container; what is gone already is no error. @throws the first error, after all the rest is done */
export function del(request: MainRequest, journal: Journal): void {
  withNode(request.searchPath, journal.log, (node) => detachContainer(request, node, journal));
}

function detachContainer(request: MainRequest, node: Node, { log, step }: Journal): void {
  const { dataDir, delegation } = request;
  const host = mainHost(node, dataDir);
  const record = step('find the record', () => findRecord(dataDir, request, host));
  const isEarly = releasesThroughInterface(delegation);
  const failures: unknown[] = [];
  const attempt = (act: () => void) => void failures.push(...collecting(act));
  const releaseElsewhere = () => {
    if (delegation !== undefined) attempt(() => haveReleased(delegation, step));
  };
  if (isEarly) releaseElsewhere();
  if (record !== undefined) failures.push(...removeRecorded(node, request, record, dataDir, step));
  if (lacksPlan(record)) failures.push(...removeUnrecorded(node, request, step));
  // A record of 0.1.0 does not say what was accepted for it.
  else if (record?.plan === undefined) failures.push(...withdrawAccepts(node, request, step));
  const broken = failures.filter(isBroken);
  // Where anything is left, the address is still in use: it stays leased, and the runtime calls DEL again.
  const hasFailed = failures.length > broken.length;
  if (!hasFailed && !isEarly) releaseElsewhere();
  if (failures.length === 0) {
    attempt(() => step('release the addresses', () => void releaseAddresses(dataDir, request, host)));
  }
  rememberGeneration(node, request);
  for (const failure of broken) log('error', leftBehind(failure));
  const [first, ...others] = failures.filter((failure) => !isBroken(failure));
  for (const failure of others) log('error', `DEL: ${reasonOf(failure)}`);
  if (first !== undefined) throw first;
}

/**
 * Where iptables is not installed, or refuses a removal, failing DEL would fail it for ever, and the runtime would not let go
 * of the container. So DEL succeeds, and the record keeps the addresses leased until something else removes the rule.
 */
function leftBehind({ message, details }: Fault): string {
  const advice = details === undefined ? '' : ` ${details}`;
  return `DEL: ${message}.${advice} The addresses stay leased until GC, or an ADD that needs them, has removed the rules.`;
}

/** Whether there is no record, or one that was written anew after the data directory had been emptied, see `survivorsOf`. */
function lacksPlan(record: AttachmentRecord | undefined): boolean {
  return record === undefined || (record.plan === undefined && record.notes === undefined);
}

function haveReleased(delegation: Delegation, step: Journal['step']): void {
  step(`have ${delegation.type} do DEL`, () => delegateCommand(delegation, 'DEL'));
}
