/**
 * Whether an attachment is alive, dead or unknown: all the rules, for every caller. Pure; probes look at the machine.
 *
 * Unknown does not count as dead: an address that is handed out twice is worse than one that is lost.
 */

import { reasonOf } from '../fault.ts';
import type { NetnsUse } from '../sys/netns.ts';
import type { Attachment, AttachmentRecord, Netns, Owner } from './attachment.ts';

export interface Life {
  readonly state: 'alive' | 'dead' | 'unknown';
  /** The reason, as a clause that can follow a colon. */
  readonly evidence: string;
}

export const alive = (evidence: string): Life => ({ state: 'alive', evidence });
export const dead = (evidence: string): Life => ({ state: 'dead', evidence });
export const unknown = (evidence: string): Life => ({ state: 'unknown', evidence });

/**
 * The state of a host veth. `peer dying`: the kernel is taking away the netns at the veth's other end, and will take the veth
 * with it.
 */
export type HostVeth = 'there' | 'peer dying' | 'absent';

/**
 * Questions to the machine, each asked only where the answer matters. A probe that throws says that the answer cannot be
 * known.
 */
export interface Probes {
  /** The kernel's ID of this boot. */
  readonly bootId: string;
  /** No file of this boot has an earlier mtime; milliseconds since 1970. */
  bootedAtMs(): number;
  /** Absent where network interfaces cannot be looked at. */
  hostVeth?(name: string): HostVeth;
  /** The file that a path leads to. */
  fileAt(path: string): { readonly device: number; readonly inode: number } | undefined;
  /** The network namespaces that processes live in. */
  netnsInUse(): NetnsUse;
  /**
   * Whether a process runs. `start` is the recorded time at which it started, as `startOf` gives it, if any: process IDs are
   * reused.
   */
  isRunning(pid: number, start: number | undefined): boolean;
}

/** For an error's details: what turns unknown into known. */
const HOW_TO_KNOW =
  'Run the plugin with CAP_SYS_PTRACE, where it sees /run/netns and all processes in /proc; or release what is gone with DEL or GC.';

const OF_EARLIER_BOOT = 'it is of an earlier boot';

/**
 * Judges an attachment by its record.
 *
 * - A host veth that is there proves it alive, unless the kernel is taking away the netns at the veth's other end.
 * - Otherwise the netns decides: alive where the netns is in place (path, device and inode) or a process lives in it.
 * - A differing boot ID alone proves nothing (CRIU, a container with a boot ID of its own): the record must also be older than
 *   this boot. Then the inode of a process's netns proves nothing, since each boot gives the same numbers again.
 *
 * `adding` is the attachment that an ADD makes, where an ADD asks. Its own earlier record is also void when the recorded netns
 * is not in use, whatever keeps the veth (a connection that is being closed, for one); and when it has no host veth and the
 * process that was to make it has ended. The record of another attachment without a host veth is void where its netns is gone
 * and the kernel has given the inode number to the netns of this ADD.
 */
export function judgeLife(record: AttachmentRecord, probes: Probes, adding?: Owner): Life {
  try {
    return judge(record, probes, adding);
  } catch (error) {
    return unknown(reasonOf(error));
  }
}

/** Whether the path may still lead to this netns. True where that cannot be known. */
export function mayBeInPlace(netns: Netns | undefined, probes: Pick<Probes, 'fileAt'>): boolean {
  return netns === undefined || placeOf(netns, probes) !== 'gone';
}

/** How many of the lives are unknown, why and what to do, as a sentence; empty where all are known. */
export function doubtText(what: 'leases' | 'attachments', lives: readonly Life[]): string {
  const doubts = lives.filter(({ state }) => state === 'unknown');
  const [first] = doubts;
  if (first === undefined) return '';
  return `${doubts.length} ${what} could not be judged alive or dead and are kept: ${first.evidence}. ${HOW_TO_KNOW}`;
}

function judge(record: AttachmentRecord, probes: Probes, adding: Owner | undefined): Life {
  const isSame = adding !== undefined && isSameAttachment(record, adding);
  const byVeth = judgeByVeth(record, probes);
  if (byVeth !== undefined) return isSame && byVeth.state !== 'dead' ? strictly(byVeth, record, probes) : byVeth;
  const life = judgeByNetns(record, probes);
  if (adding === undefined || life.state === 'dead') return life;
  if (isSame && isOfEarlierBoot(record, probes)) return dead(OF_EARLIER_BOOT);
  if (record.hostVeth === undefined || probes.hostVeth === undefined) return life;
  if (hasPassedOn(record.netns, adding.netns, probes))
    return dead('the kernel has given the inode number of its network namespace to another one');
  if (isSame && !isBeingMade(record, probes)) return dead('its ADD was not finished, and its host veth is not there');
  return life;
}

/** Undefined where the record names no host veth, the veth is absent, or interfaces cannot be looked at. */
function judgeByVeth({ hostVeth, netns }: AttachmentRecord, probes: Probes): Life | undefined {
  if (hostVeth === undefined || probes.hostVeth === undefined) return undefined;
  try {
    const found = probes.hostVeth(hostVeth);
    if (found === 'absent') return undefined;
    if (found === 'there' || mayBeInPlace(netns, probes)) return alive(`its host veth ${hostVeth} is there`);
    return dead('the kernel is taking its network namespace away');
  } catch (error) {
    return unknown(reasonOf(error));
  }
}

/** For the attachment that is added again a veth alone is not enough: its netns must be in use. */
function strictly(byVeth: Life, record: AttachmentRecord, probes: Probes): Life {
  const life = judgeByNetns(record, probes);
  return life.state === 'alive' ? byVeth : life;
}

function judgeByNetns(record: AttachmentRecord, probes: Probes): Life {
  const { netns } = record;
  if (!isOfEarlierBoot(record, probes)) return judgeNetns(netns, probes);
  if (netns === undefined) return dead(OF_EARLIER_BOOT);
  const place = placeOf(netns, probes);
  const isGone = place === 'gone' || place === 'another file';
  return isGone ? dead(`${OF_EARLIER_BOOT}, and its network namespace is not at ${netns.path}`) : place;
}

/** Judges a network namespace that was recorded in this boot. Unknown where none is recorded. */
function judgeNetns(netns: Netns | undefined, probes: Pick<Probes, 'fileAt' | 'netnsInUse'>): Life {
  if (netns === undefined) return unknown('no record tells of its network namespace');
  const place = placeOf(netns, probes);
  if (place === 'another file') return unknown(`${netns.path} is there, but no network namespace is seen at it`);
  if (place !== 'gone') return place;
  const inUse = probes.netnsInUse();
  if (inUse.inodes.has(netns.inode)) return alive('a process lives in its network namespace');
  const what = `its network namespace is no longer at ${netns.path}`;
  if (inUse.gap === undefined) return dead(`${what}, and no process lives in it`);
  return unknown(`${what}, and what lives in it cannot be known: ${inUse.gap}`);
}

function isOfEarlierBoot({ bootId, createdAt }: AttachmentRecord, probes: Probes): boolean {
  return bootId !== probes.bootId && Date.parse(createdAt) < probes.bootedAtMs();
}

/**
 * All network namespaces are files of one device (nsfs). Another file is the mount point of a mount that is gone, or that is
 * not in this mount namespace.
 */
function placeOf({ path, device, inode }: Netns, { fileAt }: Pick<Probes, 'fileAt'>): Life | 'gone' | 'another file' {
  try {
    const found = fileAt(path);
    if (found === undefined) return 'gone';
    if (found.device !== device) return 'another file';
    return found.inode === inode ? alive(`its network namespace is at ${path}`) : 'gone';
  } catch (error) {
    return unknown(`${path} may not be looked at: ${reasonOf(error)}`);
  }
}

function isSameAttachment(one: Attachment, other: Attachment): boolean {
  return one.containerId === other.containerId && one.ifName === other.ifName;
}

/**
 * Whether the kernel may have given the inode number of the recorded netns to the netns of the ADD: then a process in the
 * latter proves nothing of the former.
 */
function hasPassedOn(recorded: Netns | undefined, own: Netns | undefined, probes: Probes): boolean {
  if (recorded === undefined || own === undefined) return false;
  if (recorded.inode !== own.inode || recorded.device !== own.device) return false;
  return recorded.path !== own.path && !mayBeInPlace(recorded, probes);
}

/**
 * Whether the process that was to make the attachment still runs. 0.1.0 recorded it in the notes, without the time at which it
 * started.
 */
function isBeingMade({ process, processStart, notes }: AttachmentRecord, probes: Probes): boolean {
  const pid = process ?? notes?.process;
  return typeof pid === 'number' && probes.isRunning(pid, processStart);
}
