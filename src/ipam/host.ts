/** What the store must know of the machine it is on. A parameter everywhere, so that tests can reboot it. */

import type { Cidr } from '../address/cidr.ts';
import type { Log } from '../log.ts';
import { bootedAtMs, bootId } from '../sys/clock.ts';
import { statPath } from '../sys/directory.ts';
import { findNetnsInUse, type NetnsUse } from '../sys/netns.ts';
import { isRunning, startOf } from '../sys/process.ts';
import type { Attachment, AttachmentRecord, Owner } from './attachment.ts';
import { judgeLife, type Life, type Probes } from './life.ts';

/** An attachment that the node itself, without a record, shows to be alive: by its host veth, for example. */
export interface Survivor extends Owner {
  /** The addresses that the store leased, with the subnet's prefix length. */
  readonly addresses: readonly Cidr[];
}

export interface Host {
  /** The kernel's ID of this boot. */
  readonly bootId: string;
  /** No file of this boot has an earlier mtime; milliseconds since 1970. */
  bootedAtMs(): number;
  nowMs(): number;
  /** Whether the attachment is alive, as `judgeLife` says. `adding` is the attachment that an ADD makes. Never throws. */
  judge(record: AttachmentRecord, adding?: Owner): Life;
  /** When a process began. A later process with the same ID has another start. */
  startOf?(pid: number): number | undefined;
  /**
   * Removes all that an attachment has on the node beside its leases. The caller holds the lock, and the leases are still
   * there, so that nothing of the attachment can be taken for another one's. The leases stay if this throws.
   */
  detach?(attachment: Attachment, record: AttachmentRecord | undefined): void;
  /**
   * Lists the attachments of a network, with leases in this data directory, that the node itself shows to be alive. The store
   * asks where it has no records: on a new network, and where its files were removed while containers run. An error fails the
   * ADD.
   */
  survivors?(network: string, dataDir: string): Iterable<Survivor>;
  readonly log: Log;
  /** How long to wait for the lock; 10,000 unless given. */
  readonly lockDeadlineMs?: number | undefined;
}

/**
 * The machine as it is. A caller that can look at network interfaces gives the probe `hostVeth`.
 * @throws Error where /proc is not mounted
 */
export function readHost(log: Log, { hostVeth }: Pick<Probes, 'hostVeth'> = {}): Host {
  let inUse: NetnsUse | undefined;
  const netnsInUse = () => {
    inUse ??= findNetnsInUse();
    return inUse;
  };
  const id = bootId();
  const probes: Probes = {
    bootId: id,
    bootedAtMs,
    fileAt: statPath,
    netnsInUse,
    isRunning,
    ...(hostVeth && { hostVeth }),
  };
  return {
    bootId: id,
    bootedAtMs,
    nowMs: () => Date.now(),
    judge: (record, adding) => judgeLife(record, probes, adding),
    startOf,
    log,
  };
}
