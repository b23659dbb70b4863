/** What IPAM must know of the machine it is on, with what only the main plugin can tell: whether a host veth is there. */

import { reasonOf } from '../../fault.ts';
import {
  type Attachment,
  type AttachmentRecord,
  alive,
  dead,
  type Host,
  isInPlace,
  type Life,
  type Machine,
  type Netns,
  type Owner,
  readHost,
  unknown,
} from '../../ipam/index.ts';
import type { Log } from '../../log.ts';
import { detach, recordedProcess } from '../../resources/attachment.ts';
import { findLink } from '../../resources/links.ts';
import { type Node, openNode } from '../../resources/node.ts';
import { hasDyingPeer } from '../../resources/port/peer-netns.ts';
import { isRunning } from '../../sys/running.ts';

/**
 * The machine for the main plugin: a veth goes with its netns, so one that is there proves its attachment alive, unless the
 * kernel is just taking that netns away.
 */
export function mainHost(node: Node, dataDir: string): Machine {
  const host = readHost(node.log);
  return {
    ...host,
    judge: (record) => judgeByVeth(() => node, record) ?? host.judge(record),
    detach: (attachment, record) => detach(node, attachment, record, dataDir),
  };
}

/**
 * The machine for the IPAM plugin, which knows nothing of interfaces, except where it meets an attachment that the main plugin
 * made on the same network: only then sockets are opened.
 */
export function withIpamHost<T>(searchPath: string, dataDir: string, log: Log, act: (host: Host) => T): T {
  const host = readHost(log);
  let node: Node | undefined;
  const open = () => {
    node ??= openNode(searchPath, log);
    return node;
  };
  try {
    return act({
      ...host,
      judge: (record) => judgeByVeth(open, record) ?? host.judge(record),
      detach: (attachment, record) => {
        if (record?.hostVeth !== undefined) detach(open(), attachment, record, dataDir);
      },
    });
  } finally {
    node?.close();
  }
}

/**
 * The machine for an ADD, which may find its own attachment recorded already: that record is also void when nothing uses
 * its netns any more, whatever keeps the veth (a connection that is still being closed, for one); and when it was never
 * finished, that is when its host veth is not there and the process that was to make it is gone. And an ADD may find the
 * record of a container whose netns is gone and has passed its inode number on, to the one of this very ADD.
 */
export function addHost(node: Node, owner: Owner, dataDir: string): Host {
  const host = mainHost(node, dataDir);
  const isSame = ({ containerId, ifName }: Attachment) => containerId === owner.containerId && ifName === owner.ifName;
  return {
    ...host,
    judge: (record) => {
      const life = host.judge(record);
      if (life.state === 'dead' || record.hostVeth === undefined) return life;
      if (judgeByVeth(() => node, record) !== undefined) {
        const inside = isSame(record) ? host.judgeNetns(record.netns) : life;
        return inside.state === 'alive' ? life : inside;
      }
      if (hasPassedOn(record.netns, owner.netns)) return dead('another network namespace has the number of its own');
      const process = recordedProcess(record);
      if (!isSame(record) || (process !== undefined && isRunning(process))) return life;
      return dead('its ADD was not finished, and its host veth is not there');
    },
  };
}

/** Undefined where the record names no host veth, or it is not there. */
function judgeByVeth(node: () => Node, { hostVeth, netns }: AttachmentRecord): Life | undefined {
  if (hostVeth === undefined) return undefined;
  try {
    const { route } = node();
    const link = findLink(route, hostVeth);
    if (link === undefined) return undefined;
    if (!hasDyingPeer(route, link) || isInPlace(netns)) return alive(`its host veth ${hostVeth} is there`);
    return dead('the kernel is taking its network namespace away');
  } catch (error) {
    return unknown(reasonOf(error));
  }
}

/** The kernel gives the number of a netns that is gone to the next one: a process in that proves nothing of the first. */
function hasPassedOn(recorded: Netns | undefined, own: Netns | undefined): boolean {
  if (recorded === undefined || own === undefined) return false;
  if (recorded.inode !== own.inode || recorded.device !== own.device) return false;
  return recorded.path !== own.path && !isInPlace(recorded);
}
