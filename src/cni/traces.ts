/** What an attachment leaves on the node beside its addresses, as its record tells, and taking it away. */

import { type Cidr, parseCidr } from '../address/cidr.ts';
import { type Attachment, type AttachmentRecord, type Json, recordedAddresses } from '../ipam/index.ts';
import type { NodeKernel } from '../network/kernel.ts';
import type { Masqueraded } from '../network/masquerade.ts';
import { type Backend, unmasquerade } from '../network/masquerade-backend.ts';
import { ownerText } from '../network/names.ts';
import { removeStrayMasquerade, straysOf } from '../network/stray-masquerade.ts';
import { EACCES, EPERM } from '../sys/errno.ts';
import { SystemError } from '../sys/libc.ts';
import { type FileStatus, statPath } from '../sys/stat.ts';

/** What the main plugin notes in a record. */
export interface Notes {
  /** The process that is making the attachment, or made it. */
  readonly process: number;
  /** The addresses that are masqueraded, where they are not the record's own: true stands for those. */
  readonly masquerade: boolean | readonly string[];
  /** The MAC that the container is held to, if it is. */
  readonly guard?: string;
  /** Where iptables was asked for. */
  readonly backend?: 'iptables';
}

export function encodeNotes(notes: Notes): { readonly [key: string]: Json } {
  return { ...notes };
}

export function backendNote(backend: Backend): Pick<Notes, 'backend'> {
  return backend === 'iptables' ? { backend } : {};
}

/** The process of a record that the main plugin wrote. */
export function recordedProcess({ notes }: AttachmentRecord): number | undefined {
  return typeof notes?.process === 'number' ? notes.process : undefined;
}

/**
 * Whether that process still runs: not another one that has its number by now, but this very program. A process that this
 * one may not look at has other privileges than a runtime gives its plugins, so it is none of them.
 */
export function isBeingMade(record: AttachmentRecord): boolean {
  const pid = recordedProcess(record);
  const program = pid === undefined ? undefined : programOf(pid);
  const own = statPath('/proc/self/exe');
  return program !== undefined && program.inode === own?.inode && program.device === own.device;
}

function programOf(pid: number): FileStatus | undefined {
  try {
    return statPath(`/proc/${pid}/exe`);
  } catch (error) {
    if (error instanceof SystemError && DENIED.includes(error.errno)) return undefined;
    throw error;
  }
}

const DENIED: readonly number[] = [EACCES, EPERM];

export function masqueradeEntry({ network, containerId, ifName }: Attachment, address: Cidr): Masqueraded {
  return { network, address, owner: ownerText({ network, containerId, ifName }) };
}

/** What of an attachment was masqueraded. */
export function recordedMasquerade(record: AttachmentRecord): Masqueraded[] {
  return maskedAddresses(record).map((address) => masqueradeEntry(record, address));
}

function maskedAddresses(record: AttachmentRecord): readonly Cidr[] {
  const masquerade = record.notes?.masquerade;
  if (masquerade === true) return recordedAddresses(record);
  return Array.isArray(masquerade) ? masquerade.flatMap((text) => parseCidr(String(text)) ?? []) : [];
}

/**
 * Removes it by the backend that made it, whatever the configuration says now. What was made while the kernel had no
 * nf_tables is not found there, if it has it now: then it is looked for elsewhere.
 * @throws KernelError, Fault
 */
export function removeRecordedMasquerade(node: NodeKernel, record: AttachmentRecord): void {
  const backend: Backend = record.notes?.backend === 'iptables' ? 'iptables' : 'auto';
  const removed = recordedMasquerade(record).map((entry) => unmasquerade(node, backend, entry));
  if (backend === 'auto' && removed.includes(false)) removeStrayMasquerade(node, straysOf(record));
}
