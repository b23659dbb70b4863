/** What the store must know of the machine it is on. A parameter everywhere, so that tests can reboot it. */

import type { Log } from '../log.ts';
import { bootedAtMs, bootId } from '../sys/clock.ts';
import type { Attachment, Netns } from './attachment.ts';
import { createNetnsJudge, dead, type Life } from './life.ts';
import type { AttachmentRecord } from './record.ts';

export interface Host {
  /** The kernel's ID of this boot. */
  readonly bootId: string;
  /** No file of this boot has an earlier mtime; milliseconds since 1970. */
  bootedAtMs(): number;
  nowMs(): number;
  /** Whether the attachment is alive. A main plugin adds what it knows: whether the host veth is there. Never throws. */
  judge(record: AttachmentRecord): Life;
  /**
   * Removes all that an attachment has on the node beside its leases. It is called while the lock is held and the leases
   * are still there, so that nothing of it can be taken for a newcomer's; what it throws keeps the leases where they are.
   */
  detach?(attachment: Attachment, record: AttachmentRecord | undefined): void;
  readonly log: Log;
  /** How long to wait for the lock; 10,000 unless given. */
  readonly lockDeadlineMs?: number | undefined;
}

/** A machine that tells of a network namespace alone, too. */
export interface Machine extends Host {
  judgeNetns(netns: Netns | undefined): Life;
}

/** The machine as it is. @throws Error where /proc is not mounted */
export function readHost(log: Log): Machine {
  const boot = bootId();
  const judgeNetns = createNetnsJudge();
  return {
    bootId: boot,
    bootedAtMs,
    nowMs: () => Date.now(),
    judge: (record) => (record.bootId === boot ? judgeNetns(record.netns) : dead('it is of an earlier boot')),
    judgeNetns,
    log,
  };
}
