/** What a lease file says: who holds the address that the file is named by. The format is host-local's. */

import { type Attachment, attachmentText } from './attachment.ts';

/** What a lease file says. Very old host-local versions left the interface out. */
export interface LeaseHolder {
  readonly containerId: string;
  readonly ifName: string | undefined;
}

export function encodeLease({ containerId, ifName }: Attachment): string {
  return `${containerId}\r\n${ifName}`;
}

/** @returns undefined where the text is no lease: empty, cut off, or something else altogether */
export function decodeLease(text: string): LeaseHolder | undefined {
  const [, containerId, ifName] = /^([A-Za-z0-9][\w.-]*)(?:\r?\n([^\s/:]+))?$/.exec(text.trim()) ?? [];
  return containerId === undefined ? undefined : { containerId, ifName };
}

/** Whether a lease with this text is the attachment's own. */
export function isHeldBy(text: string, attachment: Attachment): boolean {
  const holder = decodeLease(text);
  if (holder === undefined || holder.containerId !== attachment.containerId) return false;
  return holder.ifName === undefined || holder.ifName === attachment.ifName;
}

/** "container abc interface eth0", or what stands there instead. */
export function holderText(text: string): string {
  const holder = decodeLease(text);
  if (holder === undefined) return text.trim() === '' ? 'an empty lease file' : 'an unreadable lease file';
  return attachmentText({ network: '', containerId: holder.containerId, ifName: holder.ifName ?? '' });
}
