/** What IPAM must know of the machine, with what only the main plugin can tell: whether a host veth is still there. */

import { type Attachment, type AttachmentRecord, type Host, readHost } from '../ipam/index.ts';
import type { Log } from '../log.ts';
import type { NodeKernel } from '../network/kernel.ts';
import { findLink } from '../network/links.ts';
import { statPath } from '../sys/stat.ts';
import { removeRecordedGuard } from './guard.ts';
import { recordedProcess, removeRecordedMasquerade } from './traces.ts';

/** The machine for the main plugin: a veth dies with its netns, so one that is there proves its attachment alive. */
export function mainHost(node: NodeKernel, log: Log): Host {
  const host = readHost(log);
  const hasVeth = ({ hostVeth }: AttachmentRecord) =>
    hostVeth !== undefined && findLink(node.route, hostVeth) !== undefined;
  return {
    ...host,
    isDead: (record) => record.bootId !== host.bootId || (!hasVeth(record) && host.isDead(record)),
    onReclaim: (record) => {
      removeRecordedMasquerade(node, record);
      removeRecordedGuard(node, record);
    },
  };
}

/**
 * The machine for an ADD, which may find its own attachment recorded already: that record is also void when it was never
 * finished, that is when its host veth is not there and the process that was to make it is gone.
 */
export function addHost(node: NodeKernel, attachment: Attachment, log: Log): Host {
  const host = mainHost(node, log);
  const isSame = ({ containerId, ifName }: Attachment) =>
    containerId === attachment.containerId && ifName === attachment.ifName;
  const isUnfinished = (record: AttachmentRecord) =>
    record.hostVeth !== undefined &&
    findLink(node.route, record.hostVeth) === undefined &&
    !isRunning(recordedProcess(record));
  return { ...host, isDead: (record) => host.isDead(record) || (isSame(record) && isUnfinished(record)) };
}

function isRunning(pid: number | undefined): boolean {
  return pid !== undefined && statPath(`/proc/${pid}`) !== undefined;
}
