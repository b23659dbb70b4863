/** What IPAM must know of the machine, with what only the main plugin can tell: whether a host veth is still there. */

import { type Attachment, type AttachmentRecord, type Host, type Netns, type Owner, readHost } from '../ipam/index.ts';
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
 * finished, that is when its host veth is not there and the process that was to make it is gone. And it may find the
 * record of a container whose netns is gone and has passed its inode number on, to the one of this very ADD.
 */
export function addHost(node: NodeKernel, owner: Owner, log: Log): Host {
  const host = mainHost(node, log);
  const hasNoVeth = ({ hostVeth }: AttachmentRecord) =>
    hostVeth !== undefined && findLink(node.route, hostVeth) === undefined;
  const isSame = ({ containerId, ifName }: Attachment) => containerId === owner.containerId && ifName === owner.ifName;
  const isUnfinished = (record: AttachmentRecord) => hasNoVeth(record) && !isRunning(recordedProcess(record));
  const isPassedOn = (record: AttachmentRecord) => hasPassedOn(record.netns, owner.netns) && hasNoVeth(record);
  return {
    ...host,
    isDead: (record) => host.isDead(record) || isPassedOn(record) || (isSame(record) && isUnfinished(record)),
  };
}

/** The kernel gives the number of a netns that is gone to the next one: a process in that proves nothing of the first. */
function hasPassedOn(recorded: Netns | undefined, own: Netns | undefined): boolean {
  if (recorded === undefined || own === undefined || recorded.inode !== own.inode) return false;
  return recorded.path !== own.path && statPath(recorded.path)?.inode !== recorded.inode;
}

function isRunning(pid: number | undefined): boolean {
  return pid !== undefined && statPath(`/proc/${pid}`) !== undefined;
}
