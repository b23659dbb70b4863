/** Taking an attachment off the node by its record: all that ADD made there. DEL does the same, and knows its request, too. */

import { reasonOf } from '../../fault.ts';
import type { Attachment, AttachmentRecord } from '../../ipam/index.ts';
import type { Log } from '../../log.ts';
import { withdrawForwardAccept } from '../../resources/forward-accept/forward-accept.ts';
import { hostVethName } from '../../resources/names.ts';
import type { NodeKernel } from '../../resources/node.ts';
import { removeHostVeth } from '../../resources/port/veth.ts';
import { removeRecordedGuard } from './guard.ts';
import { type Forwarded, recordedForward, removeRecordedMasquerade } from './traces.ts';

/**
 * Removes masquerading, by the backend that made it, host veth and MAC guard, in DEL's order; and what forwarding needed,
 * where nothing else is plugged into the bridge. Without a record there is the host veth alone, which is named after the
 * attachment. Goes on past errors. @throws the first of them
 */
export function detach(node: NodeKernel, attachment: Attachment, record: AttachmentRecord | undefined, log: Log): void {
  const failures: unknown[] = [];
  const attempt = (act: () => void) => {
    try {
      act();
    } catch (error) {
      failures.push(error);
    }
  };
  if (record !== undefined) attempt(() => removeRecordedMasquerade(node, record));
  attempt(() => removeHostVeth(node.route, record?.hostVeth ?? hostVethName(attachment)));
  if (record !== undefined) attempt(() => removeRecordedGuard(node, record));
  const forwarded = record && recordedForward(record);
  if (forwarded !== undefined) withdrawIfPossible(node, forwarded, log);
  if (failures.length > 0) throw failures[0];
}

/** It is the bridge's, and names no address: whoever gets one of the attachment's is not harmed by it. */
function withdrawIfPossible(node: NodeKernel, { bridge, mode }: Forwarded, log: Log): void {
  try {
    withdrawForwardAccept(node, bridge, mode, log);
  } catch (error) {
    log('warn', `cannot take back what forwarding needed of ${bridge}: ${reasonOf(error)}`);
  }
}
