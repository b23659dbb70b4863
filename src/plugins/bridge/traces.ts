/** What an attachment leaves on the node beside its addresses, as its record tells, and taking it away. */

import { type Cidr, parseCidr } from '../../address/cidr.ts';
import { type Attachment, type AttachmentRecord, type Json, recordedAddresses } from '../../ipam/index.ts';
import type { ForwardMode } from '../../resources/forward-accept/chain.ts';
import { type Backend, unmasquerade } from '../../resources/masquerade/backend.ts';
import type { Masqueraded } from '../../resources/masquerade/masquerade.ts';
import { removeStrayMasquerade, straysOf } from '../../resources/masquerade/strays.ts';
import { ownerText } from '../../resources/names.ts';
import type { NodeKernel } from '../../resources/node.ts';
import { isObject } from '../../schema/json.ts';
import { type FileStatus, statPath } from '../../sys/directory.ts';
import { EACCES, EPERM } from '../../sys/errno.ts';
import { SystemError } from '../../sys/libc.ts';
import type { Settings } from './settings.ts';

/** What the main plugin notes in a record. */
export interface Notes {
  /** The process that is making the attachment, or made it. */
  readonly process: number;
  /** The addresses that are masqueraded, where they are not the record's own: true stands for those. */
  readonly masquerade: boolean | readonly string[];
  /** The MAC that the container is held to, if it is. */
  readonly guard?: string;
  /** The bridge that was accepted in FORWARD for it, if it needed be, and what for; records of 0.1.0 do not say it. */
  readonly forward?: Forwarded;
  /** Where iptables was asked for. */
  readonly backend?: 'iptables';
}

/** What is accepted of the forwarding of a bridge. */
export interface Forwarded {
  readonly bridge: string;
  readonly mode: ForwardMode;
}

export function encodeNotes(notes: Notes): { readonly [key: string]: Json } {
  const { forward, ...rest } = notes;
  return forward === undefined ? rest : { ...rest, forward: { ...forward } };
}

export function backendNote(backend: Backend): Pick<Notes, 'backend'> {
  return backend === 'iptables' ? { backend } : {};
}

export function forwardNote({ bridge, forward: mode }: Settings): Pick<Notes, 'forward'> {
  return mode === undefined ? {} : { forward: { bridge, mode } };
}

/** What was accepted for an attachment. */
export function recordedForward({ notes }: AttachmentRecord): Forwarded | undefined {
  const { bridge, mode } = (isObject(notes?.forward) ? notes.forward : {}) as Partial<Forwarded>;
  return typeof bridge === 'string' && (mode === 'auto' || mode === 'open') ? { bridge, mode } : undefined;
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
 * Removes it by the backend that made it, whatever the configuration says now. What is not found there was made while the
 * kernel had no nf_tables, or by the other flavour of iptables, or is gone: it is looked for everywhere then.
 * @throws KernelError, Fault
 */
export function removeRecordedMasquerade(node: NodeKernel, record: AttachmentRecord): void {
  const backend: Backend = record.notes?.backend === 'iptables' ? 'iptables' : 'auto';
  const removed = recordedMasquerade(record).map((entry) => unmasquerade(node, backend, entry));
  if (removed.includes(false)) removeStrayMasquerade(node, straysOf(record));
}
